"""Open an image of memory with Volatility 3 as it finds its formats by itself, and read all that it has.

  VENV/bin/python with_volatility.py IMAGE

Prints what the image was taken for, then each run of addresses with the SHA-256 of its bytes, then the kernels' banners:

  layers FileLayer LimeLayer
  run 0x1000 0x9fbff 5d1c...
  banner 0x1a000 Linux version 6.1.0 ...
"""
import hashlib
import os
import sys
import urllib.request

from volatility3 import framework
from volatility3.framework import contexts, interfaces
from volatility3.framework.layers import avml, lime, physical
from volatility3.plugins import banners

STEP = 1 << 20


def stacked(context, name):
    """The topmost layer that Volatility puts on a file, and the names of all."""
    stackers = sorted(framework.class_subclasses(interfaces.automagic.StackerLayerInterface),
                      key=lambda stacker: stacker.stack_order)
    assert lime.LimeStacker in stackers and avml.AVMLStacker in stackers
    kinds = [type(context.layers[name]).__name__]
    while True:
        for stacker in stackers:
            layer = stacker.stack(context, name)
            if layer:
                context.add_layer(layer)
                kinds.append(type(layer).__name__)
                name = layer.name
                stackers.remove(stacker)
                break
        else:
            return name, kinds


def runs(layer):
    """[start, end) of what is there, one behind the other joined."""
    joined = []
    for offset, size, _, _, _ in layer.mapping(0, layer.maximum_address + 1, ignore_errors=True):
        if joined and joined[-1][1] == offset:
            joined[-1][1] = offset + size
        else:
            joined.append([offset, offset + size])
    return joined


def main():
    context = contexts.Context()
    context.config["file.location"] = "file:" + urllib.request.pathname2url(os.path.abspath(sys.argv[1]))
    context.add_layer(physical.FileLayer(context, "file", "file"))
    name, kinds = stacked(context, "file")
    print("layers", *kinds)
    layer = context.layers[name]
    for start, end in runs(layer):
        digest = hashlib.sha256()
        for at in range(start, end, STEP):
            digest.update(layer.read(at, min(STEP, end - at)))
        print("run", f"{start:#x} {end - 1:#x}", digest.hexdigest())
    for offset, banner in banners.Banners.locate_banners(context, name):
        print("banner", f"{offset:#x}", banner)


main()
