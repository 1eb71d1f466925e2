#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""A controller of OpenTalk up to 0.33 as far as one phone sees it: legacy_controller.py FOLDER

Login by OIDC client credentials, call-in, and its built-in signalling with a token for a genuine LiveKit server. No such
controller can be had without a database, a broker and a login service. Reads FOLDER/legacy.json: port, client ({id,
secret}), meeting ({id, pin, room, waiting}), livekit ({url, key, secret}). Prints what the phone says, one JSON object a
line. Lines appended to FOLDER/legacy.do: "accept", or messages that are sent as they are."""
import asyncio
import base64
import hashlib
import hmac
import json
import os
import sys
import time
import uuid

from aiohttp import web

folder = sys.argv[1]
settings = json.load(open(os.path.join(folder, "legacy.json")))
client, meeting, livekit = settings["client"], settings["meeting"], settings["livekit"]
issuer = f"http://127.0.0.1:{settings['port']}/realms/opentalk"
tickets, access_tokens = set(), set()


def say(**what):
    print(json.dumps(what), flush=True)


def jwt(claims, secret):
    part = lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")
    signed = part({"alg": "HS256", "typ": "JWT"}) + b"." + part({"exp": int(time.time()) + 32, **claims})
    tag = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return (signed + b"." + base64.urlsafe_b64encode(tag).rstrip(b"=")).decode()


async def discovery(request):
    return web.json_response({"issuer": issuer, "token_endpoint": issuer + "/token"})


async def token(request):
    shown = base64.b64decode(request.headers.get("authorization", "Basic ").split(" ")[1]).decode()
    form = await request.post()
    if shown != f"{client['id']}:{client['secret']}" or form.get("grant_type") != "client_credentials":
        return web.json_response({"error": "unauthorized_client"}, status=401)
    access = jwt({"realm_access": {"roles": ["opentalk-call-in"]}, "jti": uuid.uuid4().hex}, "of the login service")
    access_tokens.add(access)
    say(event="token")
    return web.json_response({"access_token": access, "expires_in": 300})


async def start(request):
    if request.headers.get("authorization", "").removeprefix("Bearer ") not in access_tokens:
        return web.json_response({"code": "unauthorized", "message": "unauthorized"}, status=401)
    asked = await request.json()
    if (asked.get("id"), asked.get("pin")) != (meeting["id"], meeting["pin"]):
        problem = {"code": "invalid_credentials", "message": "given call-in id & pin combination is not valid"}
        return web.json_response(problem, status=400)
    ticket = uuid.uuid4().hex
    tickets.add(ticket)
    return web.json_response({"ticket": ticket, "resumption": uuid.uuid4().hex})


def credentials(phone):
    video = {"roomJoin": True, "room": meeting["room"], "canPublish": True, "canSubscribe": True}
    video |= {"canPublishData": False, "canPublishSources": ["camera", "microphone"], "canUpdateOwnMetadata": False}
    claims = {"iss": livekit["key"], "sub": phone, "name": phone, "nbf": int(time.time()) - 1, "video": video}
    return {"room": meeting["room"], "token": jwt(claims, livekit["secret"]), "public_url": livekit["url"]}


async def signalling(request):
    offered = [word.strip() for word in request.headers.get("sec-websocket-protocol", "").split(",")]
    ticket = next((word.removeprefix("ticket#") for word in offered if word.startswith("ticket#")), None)
    if ticket not in tickets:
        return web.Response(status=401)
    tickets.remove(ticket)
    socket = web.WebSocketResponse(protocols=["opentalk-signaling-json-v1.0"], heartbeat=10)
    await socket.prepare(request)
    phone, name = str(uuid.uuid4()), None

    async def send(namespace, **payload):
        await socket.send_json({"namespace": namespace, "timestamp": "2026-01-01T00:00:00Z", "payload": payload})

    async def enter():
        alice = {"display_name": "Alice Adams", "role": "moderator", "participation_kind": "user", "hand_is_up": False}
        await send(
            "control", message="join_success", id=phone, display_name=name, role="guest", event_info=None,
            participants=[{"id": str(uuid.uuid4()), "control": alice}], moderation={"raise_hands_enabled": True},
            livekit={**credentials(phone), "microphone_restriction_state": {"type": "disabled"}},
            tariff={"id": str(uuid.uuid4()), "name": "t", "quotas": {}, "modules": {}},
        )

    async def act():
        done, steps = 0, os.path.join(folder, "legacy.do")
        while True:
            await asyncio.sleep(0.1)
            lines = open(steps).read().splitlines() if os.path.exists(steps) else []
            for line in lines[done:]:
                if line == "accept":
                    await send("moderation", message="accepted")
                else:
                    await socket.send_str(line)
            done = len(lines)

    acting = asyncio.create_task(act())
    async for message in socket:
        told = json.loads(message.data)
        say(phone=phone, **told)
        match told["namespace"], told["payload"]["action"]:
            case "control", "join":
                name = told["payload"]["display_name"]
                await (send("moderation", message="in_waiting_room") if meeting["waiting"] else enter())
            case "control", "enter_room":
                await enter()
            case "control", "raise_hand":
                await send("control", message="hand_raised")
            case "control", "lower_hand":
                await send("control", message="hand_lowered")
            case "livekit", "create_new_access_token":
                await send("livekit", message="credentials", **credentials(phone))
    acting.cancel()
    say(event="gone", phone=phone)
    return socket


app = web.Application()
app.router.add_get("/realms/opentalk/.well-known/openid-configuration", discovery)
app.router.add_post("/realms/opentalk/token", token)
app.router.add_post("/v1/services/call_in/start", start)
app.router.add_get("/signaling", signalling)
web.run_app(app, host="127.0.0.1", port=settings["port"], print=None, access_log=None)
