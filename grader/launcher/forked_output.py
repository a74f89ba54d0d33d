"""What forked children print, on its way to the notebook through a socket in the scratch folder.

ipykernel sends it through TCP on the loopback interface, which a sandbox has not.
"""

# mypy: allow-untyped-calls, allow-untyped-defs
# ipykernel and tornado carry few types.

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import zmq
from ipykernel import kernelapp
from ipykernel.iostream import IOPubThread
from zmq.eventloop.zmqstream import ZMQStream


def route_through(folder: Path) -> None:
    """Have kernels of this process take their children's output from a socket in `folder`."""
    if not hasattr(IOPubThread, "_setup_pipe_in"):
        # Another ipykernel, which does it in another way: output of children may be lost, nothing else.
        return
    address = f"ipc://{folder / 'children'}"

    class OutputThread(IOPubThread):
        """The same thread with another pipe."""

        def _setup_pipe_in(self) -> None:
            self._pipe_uuid = os.urandom(16)
            pipe: Any = self.socket.context.socket(zmq.PULL)
            pipe.linger = 0
            pipe.bind(address)
            self._pipe_in = ZMQStream(pipe, self.io_loop)
            self._pipe_in.on_recv(self._handle_pipe_msg)

        def _setup_pipe_out(self) -> tuple[Any, Any]:
            # A context of the child's own: its parent's has threads that were not forked along.
            context = zmq.Context()
            pipe = context.socket(zmq.PUSH)
            pipe.linger = 3000
            pipe.connect(address)
            return context, pipe

    setattr(kernelapp, IOPubThread.__name__, OutputThread)
