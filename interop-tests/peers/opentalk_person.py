#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""Somebody in an OpenTalk meeting: opentalk_person.py FOLDER NAME URL DISPLAY-NAME SECONDS

URL opens the roomserver's signalling (http://…/v1/signaling/TOKEN); both generations of it are understood. DISPLAY-NAME
is sent where the server asks for one; "-" sends none. Enters by itself, also from the waiting room. Prints every
message of the server, one JSON object a line, and {"event": "open" | "closed" | "refused"}. Lines appended to
FOLDER/NAME.do are sent as they are; "close" ends."""
import asyncio
import json
import os
import sys

import aiohttp

folder, name, url, display_name, seconds = sys.argv[1:6]
steps = os.path.join(folder, name + ".do")


def say(what):
    print(json.dumps(what), flush=True)


async def listen(socket):
    with_name = {} if display_name == "-" else {"display_name": display_name}

    async def core(action, **more):
        await socket.send_json({"namespace": "core", "payload": {"action": action, **more}})

    async for message in socket:
        if message.type != aiohttp.WSMsgType.TEXT:
            continue
        told = json.loads(message.data)
        say(told)
        payload = told.get("payload") or {}
        match told.get("namespace"), payload.get("message"):
            case "core", "joined_lobby":
                await core("enter_room" if payload["can_enter"] else "enter_waiting_room", **with_name)
            case "moderation", "accepted":
                await core("enter_room")
    say({"event": "closed", "code": socket.close_code})


async def act(socket):
    done = 0
    while True:
        await asyncio.sleep(0.1)
        lines = open(steps).read().splitlines() if os.path.exists(steps) else []
        for line in lines[done:]:
            if line == "close":
                await socket.close()
                return
            await socket.send_str(line)
        done = len(lines)


async def main():
    async with aiohttp.ClientSession() as http:
        try:
            socket = await http.ws_connect(url)
        except aiohttp.WSServerHandshakeError as error:
            say({"event": "refused", "status": error.status})
            return
        say({"event": "open"})
        tasks = [asyncio.create_task(listen(socket)), asyncio.create_task(act(socket))]
        await asyncio.wait(tasks, timeout=float(seconds), return_when=asyncio.FIRST_COMPLETED)
        await socket.close()
        for task in tasks:
            task.cancel()


asyncio.run(main())
