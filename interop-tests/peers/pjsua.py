#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""PJSIP phone without sound card: pjsua.py FOLDER URI SECONDS [KEYS]

Plays FOLDER/pjsua-tone.wav, records FOLDER/pjsua-heard.wav, presses KEYS two seconds into the call, hangs up.
Prints CONNECTED, DTMF-SENT, ENDED."""
import gc
import os
import sys
import time

import pjsua2 as pj

folder, uri, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
keys = sys.argv[4] if len(sys.argv) > 4 else ""

endpoint = pj.Endpoint()
endpoint.libCreate()
config = pj.EpConfig()
config.logConfig.level = config.logConfig.consoleLevel = 3
config.uaConfig.threadCnt = 0  # callbacks come from libHandleEvents only
config.uaConfig.mainThreadOnly = True
config.medConfig.noVad = True
config.medConfig.sndClockRate = 16000
endpoint.libInit(config)
transport = pj.TransportConfig()
transport.port, transport.boundAddress, transport.publicAddress = 5110, "127.0.0.1", "127.0.0.1"
endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
endpoint.audDevManager().setNullDev()
endpoint.libStart()
account_config = pj.AccountConfig()
account_config.idUri = "sip:pjsua@127.0.0.1:5110"
account_config.mediaConfig.transportConfig.boundAddress = "127.0.0.1"
account_config.mediaConfig.srtpUse = pj.PJMEDIA_SRTP_OPTIONAL
account_config.mediaConfig.srtpSecureSignaling = 0


class Call(pj.Call):
    media = None
    over = False

    def onCallState(self, prm):
        info = self.getInfo()
        if info.state == pj.PJSIP_INV_STATE_CONFIRMED:
            print("CONNECTED", flush=True)
        if info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            print("ENDED", info.lastStatusCode, flush=True)
            self.over = True

    def onCallMediaState(self, prm):
        if self.media:
            return
        audio = self.getAudioMedia(-1)
        player, recorder = pj.AudioMediaPlayer(), pj.AudioMediaRecorder()
        player.createPlayer(folder + "/pjsua-tone.wav")
        recorder.createRecorder(folder + "/pjsua-heard.wav")
        player.startTransmit(audio)
        audio.startTransmit(recorder)
        self.media = (player, recorder)


account = pj.Account()
account.create(account_config)
call = Call(account)
call.makeCall(uri, pj.CallOpParam(True))


def pump(duration):
    end = time.time() + duration
    while time.time() < end and not call.over:
        endpoint.libHandleEvents(20)


pump(2)
for key in keys:
    if call.over:
        break
    call.dialDtmf(key)
    pump(0.4)
if keys:
    print("DTMF-SENT", flush=True)
pump(seconds)
if not call.over:
    call.hangup(pj.CallOpParam())
    pump(0.5)
call.media = None  # media before the call, the call before the library
del call
gc.collect()
del account
gc.collect()
sys.stdout.flush()
os._exit(0)
