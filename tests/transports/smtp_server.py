"""A mail server on 127.0.0.1 by aiosmtpd, for tests/transports/smtp.cpp.

smtp_server.py DIRECTORY {starttls|smtps|plain} [password] ["{greeting|EHLO|names|AUTH|MAIL|DATA} REFUSAL"]

Writes its port to DIRECTORY/port, and each mail that it takes to DIRECTORY/mail-N.json as Python's own parser reads it.
What it does with a mail is said by the recipient's local part.
"""
import asyncio
import email
import email.policy
import json
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

directory, mode, *options = sys.argv[1:]
ON_RECIPIENT = {
    "unknown": "550 5.1.1 No such user",
    "bare": "550 No such user",
    "unnamed": "550 5.5.0 Requested action not taken: mailbox unavailable",
    "disabled": "550 5.2.1 Mailbox disabled",
    "relay": "554 5.7.1 Relaying denied",
    "sender": "550 5.1.8 Bad sender",
    "full": "452 4.2.2 Mailbox full",
    "domainless": "450 4.1.2 Domain not found",
    "waits": "450 Mailbox busy",
    "unsteady": "451 4.3.0 Mail system trouble",
    "senderless": "450 4.1.8 Domain of the sender not found",
    "busy": "450 4.2.1 Receiving mail too quickly",
    "greylisted": "451 4.7.1 Try again later",
    "quota": "454 Throttling failure: Maximum sending rate exceeded.",
    "daily": "550-5.4.5 Daily user sending limit exceeded. For more information on Gmail\r\n550 5.4.5 see https://a.example",
    "dailyquota": "454 Throttling failure: Daily message quota exceeded.",
    "closing": "421 4.3.2 Service shutting down",
    "misnamed": "504 5.5.2 Bad name",
    "helo": "550 5.7.1 <foo.example>: Helo command rejected: Access denied",
    "partial": "504 5.5.2 <no-reply@foo>: Sender address rejected: need fully-qualified address",
    "lines": "550-5.1.1 There is no such user.\r\n550 5.1.1 See https://mail.example/unknown",
}
ON_DATA = {
    "dailylimit": "550 5.4.5 Daily user sending limit exceeded.",
    "spam": "554 5.7.1 Message rejected as spam",
    "large": "552 5.3.4 Message too big",
    "later": "451 4.3.0 Try again later",
    "garbage": "what?",
}


class Handler:
    taken = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        local = address.split("@")[0]
        if local in ON_RECIPIENT:
            return ON_RECIPIENT[local]
        if local == "named" and session.host_name != "web1.foo.example":
            return f"504 5.5.2 <{session.host_name}>: Helo command rejected: need fully-qualified hostname"
        if local == "hangs":
            await asyncio.sleep(60)
        if local == "breaks":
            server.transport.abort()
            return "250 OK"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        local = envelope.rcpt_tos[0].split("@")[0]
        if local in ON_DATA:
            return ON_DATA[local]
        if local == "silent":
            await asyncio.sleep(60)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = [part for part in message.walk() if not part.is_multipart()]
        Handler.taken += 1
        text = json.dumps({
            "hello": session.host_name,
            "sender": envelope.mail_from,
            "recipients": envelope.rcpt_tos,
            "tls": server.transport.get_extra_info("ssl_object") is not None,
            "user": session.auth_data.decode() if session.authenticated else None,
            "peer": session.peer[1],
            "headers": {name: str(value) for name, value in message.items()},
            "defects": [str(defect) for part in message.walk() for defect in part.defects],
            "type": message.get_content_type(),
            "parts": [{"type": part.get_content_type(), "charset": part.get_content_charset(),
                       "text": part.get_content().replace("\r\n", "\n")} for part in parts],
            "longest_line": max(len(line) for line in envelope.content.split(b"\r\n")),
            "raw": envelope.content.decode("ascii"),
        })
        path = os.path.join(directory, f"mail-{Handler.taken}.json")
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(path + ".new", path)
        if local == "lost":
            server.transport.abort()
        return "250 2.0.0 OK"


def authenticate(server, session, envelope, mechanism, auth_data):
    right = auth_data.login == b"foo" and auth_data.password == b"sesame"
    return AuthResult(success=right, handled=False, auth_data=auth_data.login)


class Server(SMTP):
    """Says the refusal in place of the greeting, if there is one for that."""
    async def push(self, status):
        greets = status.startswith("220 ") if isinstance(status, str) else False
        await super().push(refusal if refused == "greeting" and greets else status)


async def refuse(server, _):
    await server.push(refusal)


refused, _, refusal = next((option for option in options if option != "password"), "").partition(" ")
for command in {"names": ("EHLO", "HELO"), "greeting": (), "": ()}.get(refused, (refused,)):
    setattr(Server, "smtp_" + command, refuse)


async def main():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(os.path.join(directory, "certificate.pem"), os.path.join(directory, "key.pem"))
    secured = {"tls_context": context, "require_starttls": True} if mode == "starttls" else {}
    authentication = ({"authenticator": authenticate, "auth_required": True, "auth_require_tls": mode == "starttls"}
                      if "password" in options else {})
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Server(Handler(), hostname="mail.example", enable_SMTPUTF8=True, loop=loop, **secured, **authentication),
        host="127.0.0.1", port=0, ssl=context if mode == "smtps" else None)
    with open(os.path.join(directory, "port.new"), "w", encoding="ascii") as file:
        file.write(str(server.sockets[0].getsockname()[1]))
    os.rename(os.path.join(directory, "port.new"), os.path.join(directory, "port"))
    await server.serve_forever()


asyncio.run(main())
