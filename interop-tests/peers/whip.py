#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""aiortc over WHIP (RFC 9725), sending and receiving: whip.py FOLDER URL BEARER SECONDS

Plays FOLDER/whip-tone.wav, records FOLDER/whip-heard.wav. Prints ANSWERED, CONNECTED, ENDED, and the status on refusal."""
import asyncio
import sys
from urllib.parse import urljoin

import aiohttp
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaPlayer, MediaRecorder

folder, url, bearer, seconds = sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])


async def main():
    peer = RTCPeerConnection(RTCConfiguration([]))
    player = MediaPlayer(folder + "/whip-tone.wav")
    recorder = MediaRecorder(folder + "/whip-heard.wav")
    peer.addTrack(player.audio)
    peer.on("track", lambda track: recorder.addTrack(track))
    peer.on("connectionstatechange", lambda: print("STATE", peer.connectionState, flush=True))
    await peer.setLocalDescription(await peer.createOffer())
    headers = {"Authorization": "Bearer " + bearer, "Content-Type": "application/sdp"}
    async with aiohttp.ClientSession() as http:
        async with http.post(url, data=peer.localDescription.sdp, headers=headers) as response:
            body = await response.text()
            if response.status != 201:
                print("REFUSED", response.status, body, flush=True)
                return
            location = urljoin(url, response.headers["Location"])
        print("ANSWERED", flush=True)
        await peer.setRemoteDescription(RTCSessionDescription(body, "answer"))
        for _ in range(100):
            if peer.connectionState == "connected":
                break
            await asyncio.sleep(0.05)
        print("CONNECTED" if peer.connectionState == "connected" else "NOT-CONNECTED", flush=True)
        await recorder.start()
        await asyncio.sleep(seconds)
        await recorder.stop()
        async with http.delete(location, headers=headers) as response:
            print("ENDED", response.status, flush=True)
    await peer.close()


asyncio.run(main())
