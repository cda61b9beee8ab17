#!/usr/bin/env bash
# pynetdicom 3.0.4 (with pydicom 3.0.2): an association that the peer rejected counts as "not connected, aborted" where
# the calling thread wakes late, and who rejected it and why is lost.
#
# One would expect: after `AE.associate` to a peer that answers with A-ASSOCIATE-RJ, `is_rejected` is true and
# `acceptor.primitive` holds result, source and reason, as the documentation of `Association` says.
# What happens: a thread of the library reads the answer and closes the connection, as PS3.8 9.2 (action AE-4) has it. If
# it has done so before the calling thread looks whether the connection stands, that one takes the closed connection for
# one that never was: `is_aborted` is true, `is_rejected` false, and there is no reason. On a busy machine this comes by
# itself, now and then; a handler of EVT_REQUESTED that takes a second shows it each time.
# What to do: take the rejection from EVT_PDU_RECV, which comes before the connection is closed.
#
# Output seen:
#     at once: rejected True, aborted False, reason 7
#     late: rejected False, aborted True, reason None
#     late, by EVT_PDU_RECV: reason 7
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "pynetdicom==3.0.4" "pydicom==3.0.2"

cat > "$folder/check.py" <<'PYTHON'
import time

from pynetdicom import AE, evt
from pynetdicom.pdu import A_ASSOCIATE_RJ

VERIFICATION = "1.2.840.10008.1.1"
peer = AE(ae_title="PEER")
peer.add_supported_context(VERIFICATION)
peer.require_called_aet = True
server = peer.start_server(("127.0.0.1", 0), block=False)
port = server.socket.getsockname()[1]


def asked(*handlers):
    entity = AE()
    entity.add_requested_context(VERIFICATION)
    return entity.associate("127.0.0.1", port, ae_title="OTHER", evt_handlers=list(handlers))


def told(name, association):
    reason = getattr(association.acceptor.primitive, "diagnostic", None)
    print(f"{name}: rejected {association.is_rejected}, aborted {association.is_aborted}, reason {reason}")


def note(event):
    if isinstance(event.pdu, A_ASSOCIATE_RJ):
        reasons.append(event.pdu.reason_diagnostic)


reasons = []
told("at once", asked())
told("late", asked((evt.EVT_REQUESTED, lambda event: time.sleep(1)), (evt.EVT_PDU_RECV, note)))
print("late, by EVT_PDU_RECV: reason", *reasons)
server.shutdown()
PYTHON
"$folder/venv/bin/python" "$folder/check.py" | tee "$folder/output.txt"
grep -qx "at once: rejected True, aborted False, reason 7" "$folder/output.txt"
grep -qx "late: rejected False, aborted True, reason None" "$folder/output.txt"
grep -qx "late, by EVT_PDU_RECV: reason 7" "$folder/output.txt"
