#!/usr/bin/env bash
# Streamlit 1.67.0: a run of the page that begins drops the address that a browser waits for before it uploads.
#
# One would expect: before an upload the browser asks the server where the file goes, and what was asked by the browser is
# answered, whatever the page does meanwhile.
# What happens: answers wait in the same queue as what the page draws. When a run begins, the queue is emptied of all that
# the run before had drawn, but for messages of a run's beginning and end, and the answer goes with the rest. The browser
# waits for it without end: the uploader stands still at its first percent, on busy servers more often. Answers for
# deferred downloads go the same way.
# What to do: keep messages of these two kinds in the queue, or upload again.
#
# Output seen:
#     waiting before a run begins: ['file_urls_response', 'backend_operation_response', 'script_finished']
#     waiting after it has begun: ['script_finished']
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "streamlit==1.67.0"

cd "$folder"
cat > check.py <<'PYTHON'
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue

queue = ForwardMsgQueue()
address = ForwardMsg()
address.file_urls_response.response_id = "asked by the browser"
queue.enqueue(address)
download = ForwardMsg()
download.backend_operation_response.SetInParent()
queue.enqueue(download)
ended = ForwardMsg()
ended.script_finished = ForwardMsg.ScriptFinishedStatus.FINISHED_SUCCESSFULLY
queue.enqueue(ended)

waiting = lambda: [message.WhichOneof("type") for message in queue._queue]
print("waiting before a run begins:", waiting())
queue.clear(retain_lifecycle_msgs=True)  # as AppSession does when a run begins
print("waiting after it has begun:", waiting())
PYTHON
"$folder/venv/bin/python" check.py 2>/dev/null | tee output.txt
grep -qx "waiting before a run begins: \['file_urls_response', 'backend_operation_response', 'script_finished'\]" output.txt
grep -qx "waiting after it has begun: \['script_finished'\]" output.txt
