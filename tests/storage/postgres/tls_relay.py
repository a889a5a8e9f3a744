"""A TLS relay on 127.0.0.1 before a PostgreSQL server, for tests/storage/postgres/postgres_faults.cpp.

tls_relay.py DIRECTORY SERVER_PORT

Writes its port to DIRECTORY/port; has its certificate and key there. It sends records as large as TLS allows (16 kB), as
PostgreSQL does from release 17 on, where those before send 8 kB at most.
"""
import asyncio
import contextlib
import os
import ssl
import sys

directory, server_port = sys.argv[1], int(sys.argv[2])
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(directory + "/certificate.pem", directory + "/key.pem")


async def pass_on(reader, writer, pause):
    """Sends what comes, and what comes within `pause` seconds after it, at once."""
    while data := await reader.read(1 << 20):
        if pause:
            with contextlib.suppress(asyncio.TimeoutError):
                while more := await asyncio.wait_for(reader.read(1 << 20), pause):
                    data += more
        writer.write(data)
        await writer.drain()
    writer.close()


async def serve(reader, writer):
    await reader.readexactly(8)  # SSLRequest
    writer.write(b"S")
    await writer.start_tls(context)
    from_server, to_server = await asyncio.open_connection("127.0.0.1", server_port)
    with contextlib.suppress(ConnectionError):
        await asyncio.gather(pass_on(reader, to_server, 0), pass_on(from_server, writer, 0.02))


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    with open(directory + "/port.new", "w") as file:
        file.write(str(server.sockets[0].getsockname()[1]))
    os.rename(directory + "/port.new", directory + "/port")
    await server.serve_forever()


asyncio.run(main())
