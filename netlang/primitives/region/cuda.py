"""Regions on CUDA: as on the CPU, the anchor's kernel with the formula pasted where it writes."""

from netlang.primitives.launch import drafts
from netlang.primitives.region.cpu import region_draft
from netlang.primitives.region.op import Region

drafts("cuda", Region)(region_draft)
