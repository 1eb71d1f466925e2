#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""A server that should not be one: rogue.py FOLDER PORT

Takes every WebSocket and every request. The last line of FOLDER/rogue.do says what it does with a WebSocket: "silence",
"garbage", "unknown", "huge", "flood", "close", "refuse STATUS". Prints one JSON object for each connection."""
import asyncio
import json
import os
import random
import sys

from aiohttp import web

folder, port = sys.argv[1], int(sys.argv[2])


def mood():
    path = os.path.join(folder, "rogue.do")
    lines = open(path).read().split("\n") if os.path.exists(path) else []
    return ([line for line in lines if line] or ["silence"])[-1].split()


async def serve(request):
    how = mood()
    print(json.dumps({"path": request.path, "mood": how}), flush=True)
    if request.headers.get("upgrade", "").lower() != "websocket":
        return web.json_response({})
    if how[0] == "refuse":
        return web.Response(status=int(how[1]), text="no")
    socket = web.WebSocketResponse(autoping=False)
    await socket.prepare(request)
    is_livekit = "/rtc" in request.path
    send = (lambda data: socket.send_bytes(data)) if is_livekit else (lambda data: socket.send_str(data.hex()))
    match how[0]:
        case "garbage":
            for _ in range(20):
                await send(random.randbytes(200))
                await socket.send_str('{"namespace":')
        case "unknown":
            # Field 1000, a string, of LiveKit's SignalResponse; a module of OpenTalk that nobody knows.
            if is_livekit:
                await send(b"\xc2\x3e\x03abc")
            else:
                await socket.send_str('{"namespace":"weather","payload":{"message":"rain"}}')
        case "huge":
            await send(b"\x00" * 10_000_000)
        case "flood":
            message = '{"namespace":"chat","payload":{"message":"message_sent","content":"x"}}'
            for _ in range(50_000):
                await (send(b"\xc2\x3e\x03abc") if is_livekit else socket.send_str(message))
        case "close":
            await socket.close(code=1011)
    try:
        await asyncio.wait_for(socket.receive(), 60)
    except asyncio.TimeoutError:
        pass
    return socket


app = web.Application()
app.router.add_route("*", "/{path:.*}", serve)
web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)
