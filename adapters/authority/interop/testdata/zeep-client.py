"""Calls services with zeep, as an information system of another maker would.

Reads one job as JSON from standard input and prints what it got. What a job and
a result hold is told by the types job and result of the test.
"""
import base64
import json
import os
import sys
import time
from urllib.parse import urlparse

import zeep
from zeep.helpers import serialize_object
from zeep.transports import Transport
from zeep.wsdl.attachments import MessagePack

job = json.load(sys.stdin)


class LocalSchemas(Transport):
    """Takes the X-Road schemas from the folder at hand: nothing leaves this machine."""

    def load(self, url):
        if url.startswith("http://x-road.eu/"):
            with open(os.path.join(job["catalogue"], os.path.basename(url)), "rb") as f:
                return f.read()
        if urlparse(url).hostname not in (None, "127.0.0.1"):
            raise ValueError("not on this machine: " + url)
        return super().load(url)

    # zeep itself reads attachments and sends none, so those who need them wrap
    # the message on its way out: SOAP with attachments.
    attachments = ()

    def post(self, address, message, headers):
        if self.attachments:
            parts = [({"Content-Type": "text/xml; charset=UTF-8", "Content-ID": "<root>"}, message)]
            parts += [({"Content-Type": a["content_type"], "Content-ID": "<%s>" % a["content_id"], "Content-Transfer-Encoding": "binary"},
                       base64.b64decode(a["content"])) for a in self.attachments]
            lines = b"".join(b"--part-of-zeep\r\n" + "".join("%s: %s\r\n" % f for f in fields.items()).encode() + b"\r\n" + body + b"\r\n"
                             for fields, body in parts)
            message = lines + b"--part-of-zeep--\r\n"
            headers = {**headers, "Content-Type": 'multipart/related; type="text/xml"; start="<root>"; boundary="part-of-zeep"'}
        return super().post(address, message, headers)


def identifier(kind, parts):
    names = ["xRoadInstance", "memberClass", "memberCode", "subsystemCode", "serviceCode", "serviceVersion"]
    return {"objectType": kind, **{n: p for n, p in zip(names, parts) if p}}


client = zeep.Client(job["wsdl"], transport=LocalSchemas())
binding = next(iter(next(iter(client.wsdl.services.values())).ports.values())).binding
service = client.create_service(binding.name, job["endpoint"])


def make(call):
    header = {
        "client": identifier("SUBSYSTEM", job["client"]),
        "service": identifier("SERVICE", job["provider"] + [call["operation"], call["version"]]),
        "id": call["id"],
        "userId": call["user_id"],
        "issue": call["issue"],
        "protocolVersion": "4.0",
    }
    client.transport.attachments = call.get("attachments") or ()
    return service[call["operation"]](_soapheaders=header, **binary(call["body"]))


def binary(values):
    """Makes bytes of what a field named content holds in base64."""
    if isinstance(values, list):
        return [binary(v) for v in values]
    if isinstance(values, dict):
        return {k: base64.b64decode(v) if k == "content" else binary(v) for k, v in values.items()}
    return values


def plain(value):
    """Writes as text what JSON has no form for."""
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


if job.get("repeat"):  # a benchmark: the first call, so many times, after half as many to warm up
    for i in range(-(job["repeat"] // 2), job["repeat"]):
        if i == 0:
            began, spent = time.perf_counter(), time.process_time()
        if make(job["calls"][0]).body.response.kannete_jada.kanne[0].ta_kood != "12345678":
            raise ValueError("another answer")
    n = job["repeat"] / 1e6
    print(json.dumps({
        "cpu_us": (time.process_time() - spent) / n, "wall_us": (time.perf_counter() - began) / n,
        "version": "zeep %s (Python %s)" % (zeep.__version__, sys.version.split()[0]),
    }))
    sys.exit()

results = []
for call in job["calls"]:
    try:
        answer = make(call)
        attachments = []
        if isinstance(answer, MessagePack):
            attachments = [{"content_id": a.content_id.strip("<>"), "content_type": a.content_type,
                            "content": base64.b64encode(a.content).decode()} for a in answer.attachments]
            answer = answer.root
        results.append({"header": serialize_object(answer.header, dict), "body": serialize_object(answer.body, dict), "attachments": attachments})
    except zeep.exceptions.Fault as fault:
        results.append({"fault": {"code": fault.code, "string": fault.message}})
print(json.dumps({"operations": sorted(binding.all()), "results": results}, default=plain))
