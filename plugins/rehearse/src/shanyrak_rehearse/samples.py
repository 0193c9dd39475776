"""A few lines of each form of past work, with which the conformance kit tries the readers."""

from __future__ import annotations

SWF = b"""; Computer: A small one
; MaxProcs: 64
; UnixStartTime: 1000
1 0 5 600 4 -1 -1 4 900 -1 1 12 2 -1 3 -1 -1 -1
2 30 -1 1200 8 -1 -1 8 3600 -1 1 13 2 -1 3 -1 -1 -1
3 95 0 60 1 -1 -1 1 -1 -1 1 12 2 -1 -1 -1 -1 -1
"""

SACCT = b"""JobID|Account|Partition|Submit|Start|ElapsedRaw|TimelimitRaw|State|ReqCPUS|ReqTRES
12|vision|gpu|2026-03-01T10:00:00|2026-03-01T10:05:00|3600|120|COMPLETED|8|billing=8,cpu=8,gres/gpu=2,node=1
13|words|gpu|2026-03-01T10:00:01|2026-03-01T10:06:00|60|60|COMPLETED|4|billing=4,cpu=4,gres/gpu=1
"""

TABLE = b"""submit,run,processors,account
0,60,4,vision
30,90,8,words
"""
