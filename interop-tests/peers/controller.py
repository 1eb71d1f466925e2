#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""A controller as far as phones see it: controller.py FOLDER

For the tests of the newer login (a service key, controllers from 0.34) and of faults: TLS, another clock, stalls, answers
that are none. The controllers before it are in legacy_controller.py.

Reads FOLDER/controller.json: port, tls ({certificate, key} or null), key ({id, secret}), roomserver ({url, id, secret,
named}), meetings ([{id, pin, room, parameters, refuse, address}]). Checks who asks as OpenTalk's controller does, and asks the
real roomserver for a token. Prints one JSON object for each request. Lines appended to FOLDER/controller.do change how
it behaves until the next line: "well", "stall", "error", "garbage", "huge", "clock SECONDS"."""
import asyncio
import base64
import email.utils
import hashlib
import hmac
import json
import os
import ssl
import sys
import time
import uuid

import aiohttp
from aiohttp import web

folder = sys.argv[1]
settings = json.load(open(os.path.join(folder, "controller.json")))


def say(**what):
    print(json.dumps(what), flush=True)


def mood():
    path = os.path.join(folder, "controller.do")
    lines = open(path).read().split("\n") if os.path.exists(path) else []
    return ([line for line in lines if line] or ["well"])[-1].split()


def problem(status, code, message):
    say(event="refused", status=status, code=code, message=message)
    return web.json_response({"code": code, "message": message}, status=status)


def base64url(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def from_base64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def signature(signed, secret):
    return base64url(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest())


def sign(key_id, secret):
    now = int(time.time())
    parts = [{"alg": "HS256", "typ": "JWT", "kid": key_id}, {"iat": now, "exp": now + 60}]
    signed = ".".join(base64url(json.dumps(part).encode()) for part in parts)
    return f"{signed}.{signature(signed, secret)}"


def stranger(request, now):
    """Says why the one who asks is not trusted."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    parts = token.split(".")
    if scheme != "Bearer" or len(parts) != 3:
        return "missing_api_token"
    try:
        header, claims = (json.loads(from_base64url(part)) for part in parts[:2])
    except ValueError:
        return "invalid_api_token"
    key = settings["key"]
    if header.get("alg") != "HS256" or header.get("kid") != key["id"]:
        return "unknown_api_key"
    if not hmac.compare_digest(parts[2], signature(".".join(parts[:2]), key["secret"])):
        return "invalid_api_token"
    if not isinstance(claims.get("exp"), int) or claims["exp"] < now or claims.get("iat", 0) > now + 5:
        return "api_token_expired"
    return None


async def start(request):
    how = mood()
    say(event="asked", mood=how)
    match how:
        case ["stall"]:
            await asyncio.sleep(60)
        case ["error"]:
            return web.Response(status=502, text="<html>Bad Gateway</html>")
        case ["garbage"]:
            return web.Response(text='{"token": 7, "roomserver_address"', content_type="application/json")
        case ["huge"]:
            return web.Response(text='{"token":"' + "x" * 10_000_000 + '"}', content_type="application/json")
    now = time.time() + (int(how[1]) if how[0] == "clock" else 0)
    why = stranger(request, now)
    if why:
        answer = problem(401, why, "the token of the API is not valid")
        answer.headers["date"] = email.utils.formatdate(now, usegmt=True)
        return answer
    asked = await request.json()
    known = [m for m in settings["meetings"] if m["id"] == asked.get("id") and m["pin"] == asked.get("pin")]
    if not known:
        return problem(400, "invalid_credentials", "given call-in id & pin combination is not valid")
    meeting = known[0]
    if meeting["refuse"]:
        return problem(403, *meeting["refuse"])
    if meeting["address"]:
        return web.json_response({"token": str(uuid.uuid4()), "roomserver_address": meeting["address"]})
    client = {"device_secret": uuid.uuid4().hex, "role": "user", "kind": "call_in"}
    if settings["roomserver"]["named"]:
        client["display_name"] = asked.get("display_name") or "Telefon"
    roomserver = settings["roomserver"]
    url = f"{roomserver['url']}/v1/rooms/{meeting['room']}/token"
    headers = {"authorization": "Bearer " + sign(roomserver["id"], roomserver["secret"])}
    wanted = {"client_parameters": client, "room_parameters": meeting["parameters"]}
    try:
        async with aiohttp.ClientSession() as http, http.post(url, json=wanted, headers=headers) as response:
            if response.status != 200:
                told = await response.text()
                say(event="roomserver", status=response.status, told=told)
                return web.Response(status=response.status, text=told, content_type="application/json")
            token = (await response.json())["token"]
    except aiohttp.ClientError as error:
        say(event="roomserver", error=str(error))
        return problem(500, "internal_server_error", "an internal server error occurred")
    say(event="let_in", display_name=asked.get("display_name"))
    return web.json_response({"token": token, "roomserver_address": roomserver["url"] + "/"})


async def record(request):
    """Stands for the recorder's service too: the test sends somebody who records."""
    say(event="record", wanted=await request.json())
    return web.json_response({})


app = web.Application()
app.router.add_post("/v1/init", record)
app.router.add_post("/internal/call_in/start", start)
context = None
if settings["tls"]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings["tls"]["certificate"], settings["tls"]["key"])
web.run_app(app, host="127.0.0.1", port=settings["port"], ssl_context=context, print=None, access_log=None)
