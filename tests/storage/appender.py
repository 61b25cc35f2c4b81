"""A program that appends to many sessions at once and says on its output what was acknowledged, until it is killed.

Line: session, space, the last producer_seq acknowledged. It goes on where the store in its folder ends.
"""

import os
import sys
from pathlib import Path
from random import Random

import anyio

from roost.model.errors import SessionNotFound
from roost.model.ids import SessionId
from roost.ports import Store
from roost.storage import open_store
from tests.contract.given import fact, from_host, new_session, record, text

SESSIONS = [f"s{number}" for number in range(8)]


async def produce(store: Store, session: str, seed: str) -> None:
    """Each delta says its producer_seq; every few appends there is a fact with a new record."""
    random = Random(f"{seed} {session}")
    try:
        produced = (await store.get(SessionId(session))).produced
    except SessionNotFound:
        await new_session(store, session)
        produced = 0
    while True:
        count = random.randint(1, 40)
        drafts = [text(str(produced + number)) for number in range(1, count + 1)]
        more = {}
        if random.random() < 0.2:
            drafts.append(fact())
            more["record"] = record(session, label=str(produced + len(drafts)))
        await store.append(from_host(produced + 1, *drafts, session=session, **more))
        produced += len(drafts)
        os.write(1, f"{session} {produced}\n".encode())


async def main(data: Path, seed: str) -> None:
    store = await open_store("sqlite", data)
    async with anyio.create_task_group() as tasks:
        for session in SESSIONS:
            tasks.start_soon(produce, store, session, seed)


if __name__ == "__main__":
    anyio.run(main, Path(sys.argv[1]), sys.argv[2])
