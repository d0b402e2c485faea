"""Faults: real servers and processes, broken on purpose, and what must be true afterwards.

gRPC's fork handlers are off, before it is imported. Who launches runs has threads of gRPC's, and
a process that was forked beside them hung in such a handler: it never became what it was to be.
"""

import os

os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
