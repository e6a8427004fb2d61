"""A web service that answers whether someone follows you, for example to let followers in.

    SESSDATA=... BILI_JCT=... PORT=8000 python follower_check.py

GET /follows/2 answers {"uid": 2, "follows": true, "since": 1700000000}. PUT /session renews the
cookies while it runs.
"""

import os

import uvicorn
from bilibili_api import Credential, user
from bilibili_api.exceptions import ApiException, ArgsException, ResponseCodeException
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

FOLLOWS = (2, 6)
STATUS = {-101: 401, -404: 404, -412: 503, 40061: 404}

app = FastAPI()
credential = Credential(os.environ.get("SESSDATA"), os.environ.get("BILI_JCT"))


class Session(BaseModel):
    sessdata: str
    bili_jct: str


@app.exception_handler(ResponseCodeException)
async def refused(request: Request, e: ResponseCodeException):
    return JSONResponse({"code": e.code, "error": e.msg}, STATUS.get(e.code, 502))


@app.exception_handler(ApiException)
async def failed(request: Request, e: ApiException):
    return JSONResponse({"error": str(e)}, 503)


@app.exception_handler(ArgsException)
async def mistyped(request: Request, e: ArgsException):
    return JSONResponse({"error": e.msg}, 422)


@app.get("/follows/{uid}")
async def follows(uid: str):
    someone = user.User(uid, credential)
    relation = await someone.get_relation()
    back = relation["be_relation"]
    return {
        "uid": someone.get_uid(),
        "follows": back["attribute"] in FOLLOWS,
        "since": back["mtime"] or None,
    }


@app.get("/follows")
async def follows_by_name(name: str):
    found = (await user.name2uid([name], credential))["uid_list"]
    if not found:
        return JSONResponse({"error": f"nobody is called {name}"}, 404)
    return await follows(str(found[0]["uid"]))


@app.put("/session")
async def renew(session: Session):
    credential.sessdata = session.sessdata
    credential.bili_jct = session.bili_jct
    return {"valid": await credential.check_valid()}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning")
