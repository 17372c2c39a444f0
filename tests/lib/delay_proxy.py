# A TCP proxy that makes the server behind it far away: it delays every byte by the same time, in either direction, and
# does not limit the bandwidth. Usage: delay_proxy.py PORT TARGET_PORT DELAY_MS [NEAR=FAR…] on 127.0.0.1; prints
# "ready" when it listens. NEAR, FAR: ports with the same number of digits. In answers that name gateways the proxy
# replaces NEAR by FAR, so that a client learns of no direct way.
import asyncio, sys

port, target, delay = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) / 1000
names = [tuple(b"127.0.0.1:" + port.encode() for port in pair.split("=")) for pair in sys.argv[4:]]
assert all(len(near) == len(far) for near, far in names), "the length of an answer is to stay"
HELD = 1024  # pieces of 64 KiB in flight in one direction


async def pump(reader, writer, names=()):
    loop = asyncio.get_running_loop()
    held = asyncio.Queue(HELD)

    async def deliver():
        while True:
            due, data = await held.get()
            await asyncio.sleep(max(0, due - loop.time()))
            if not data:
                break
            writer.write(data)
            await writer.drain()
        writer.close()

    delivery = asyncio.ensure_future(deliver())
    try:
        while True:
            data = await reader.read(65536)
            for near, far in names:
                data = data.replace(near, far)
            await held.put((loop.time() + delay, data))
            if not data:
                break
    except ConnectionError:
        await held.put((loop.time() + delay, b""))
    try:
        await delivery
    except ConnectionError:
        pass


async def serve(reader, writer):
    try:
        far = await asyncio.open_connection("127.0.0.1", target)
    except OSError:
        writer.close()
        return
    await asyncio.gather(pump(reader, far[1]), pump(far[0], writer, names))


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    print("ready", flush=True)
    await server.serve_forever()


asyncio.run(main())
