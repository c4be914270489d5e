"""A Hugging Face Hub on the loopback interface, for the real client to talk to.

    accounts.py   users and tokens
    storage.py    repositories, commits, files
    faults.py     what can go wrong on demand
    hub.py        all state
    protocol.py   requests, answers, routing
    rights.py     who may see and change what
    shapes.py     state as JSON
    routes/       one function a route
    server.py     sockets
    client.py     what a test holds: ``loopback_hub()``

Of the protocol it has what ``huggingface_hub`` needs for models, without Xet. State is in memory, one process a Hub.
"""

from .client import LoopbackHub, RawFile, loopback_hub
from .faults import Fault
from .hub import LogEntry

__all__ = ["Fault", "LogEntry", "LoopbackHub", "RawFile", "loopback_hub"]
