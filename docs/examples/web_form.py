"""A web form that takes photos of a home, follows their analysis, and shows the inventory."""

import asyncio
import base64
import hmac
import json
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI, Form, HTTPException, Request, Response, UploadFile
from fastapi.responses import FileResponse, RedirectResponse, StreamingResponse

app = FastAPI()
TOKEN = {"Authorization": f"Bearer {os.environ['PHOTOS_TOKEN']}"}
LIMITS = httpx.Limits(max_keepalive_connections=0)  # so that none is left open at the end
api = httpx.AsyncClient(base_url=os.environ["PHOTOS_API"], headers=TOKEN, timeout=60, limits=LIMITS)
#: The batch of each move, and whether its inventory has ended; rather a table of yours.
moves: dict[str, tuple[str, asyncio.Event]] = {}


async def call(path: str, **given: Any) -> Any:
    answer = await api.post(path, **given)
    if answer.is_error:
        raise HTTPException(answer.status_code, answer.json()["detail"])
    return answer.json()


@app.get("/")
async def show() -> Response:
    return FileResponse(Path(__file__).with_name("web_form.html"))


@app.post("/{move}/photos")
async def add(move: str, photos: list[UploadFile], room: str = Form(), last: bool = Form(False)):
    if move not in moves:
        of_move = {"projectId": move, "userId": "web form"}
        batch = (await call("/api/batches", json=of_move))["batchId"]
        await call("/api/inventory", json={**of_move, "afterBatch": batch})
        moves[move] = batch, asyncio.Event()
    address = f"/api/batches/{moves[move][0]}"
    files = [("photo", (photo.filename, photo.file)) for photo in photos]
    await call(f"{address}/photos", files=files, data={"room": room})
    if last:
        await call(f"{address}/close")
    return RedirectResponse(f"/#{move}", 303)


@app.get("/{move}/events")
async def events(move: str) -> Response:
    if move not in moves:
        return Response(status_code=204)
    return StreamingResponse(follow(move, *moves[move]), media_type="text/event-stream")


async def follow(move: str, batch: str, added_up: asyncio.Event) -> AsyncIterator[str]:
    async with api.stream("GET", f"/api/batches/{batch}/events", timeout=None) as answer:
        async for line in answer.aiter_lines():
            yield f"{line}\n"
    await added_up.wait()
    found = await api.get(f"/api/projects/{move}/inventory")  # or why there is none
    yield f"event: inventory\ndata: {found.text}\n\n"


@app.post("/webhook", status_code=204)
async def webhook(request: Request) -> None:
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    number, sent, signatures = (request.headers.get(name, "") for name in names)
    signed = f"{number}.{sent}.".encode() + (body := await request.body())
    key = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))
    digest = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    if f"v1,{digest}" not in signatures.split() or abs(time.time() - int(sent)) > 300:
        raise HTTPException(401)
    message = json.loads(body)
    if message["type"] == "inventory.ended" and message["data"]["projectId"] in moves:
        moves[message["data"]["projectId"]][1].set()
