"""A TLS relay on 127.0.0.1 before a PostgreSQL server, for tests/storage/postgres/postgres_faults.cpp.

tls_relay.py DIRECTORY SERVER_PORT

Writes its port to DIRECTORY/port; has its certificate and key there. It sends records as large as TLS allows (16 kB), as
PostgreSQL does from release 17 on, where those before send 8 kB at most.
"""
import os
import select
import socket
import ssl
import sys
import threading

directory, server_port = sys.argv[1], int(sys.argv[2])
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(directory + "/certificate.pem", directory + "/key.pem")


def comes_within(seconds, connection):
    return bool(select.select([connection], [], [], seconds)[0])


def relay(client, server):
    while True:
        readable = [client] if client.pending() else select.select([client, server], [], [])[0]
        if client in readable:
            data = client.recv(1 << 20)
            if not data:
                return
            server.sendall(data)
        if server in readable:
            data = server.recv(1 << 20)
            if not data:
                return
            while comes_within(0.02, server) and (more := server.recv(1 << 20)):
                data += more
            client.sendall(data)


def serve(connection):
    with connection, socket.create_connection(("127.0.0.1", server_port)) as server:
        try:
            connection.recv(8, socket.MSG_WAITALL)  # SSLRequest
            connection.sendall(b"S")
            with context.wrap_socket(connection, server_side=True) as client:
                relay(client, server)
        except OSError:
            pass  # one of both has gone


listener = socket.create_server(("127.0.0.1", 0))
with open(directory + "/port.new", "w") as file:
    file.write(str(listener.getsockname()[1]))
os.rename(directory + "/port.new", directory + "/port")
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
