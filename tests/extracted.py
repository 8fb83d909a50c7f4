"""What the extractor's tests share: whether FODLAM takes what the extractor has written."""

import json
import os
import tempfile

from support import fodlam

CONFIGS = ({}, {'accelerator': 'nvdla-2048'}, {'scaling': 'shape'})


def refusals(text):
    """Return FODLAM's errors about a net file, by MACs, as a roofline and by shape.

    Products of two feature maps are taken out where they are not modelled yet.
    """
    if 'MatMul' not in fodlam.KIND_OF_TYPE:
        entries = [entry for entry in json.loads(text) if entry['type'] != 'MatMul']
        text = json.dumps(entries)
        if not any('macs' in entry for entry in entries):
            return []
    found = []
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'net.json')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        for config in CONFIGS:
            try:
                fodlam.estimate({'netfile': path, **config})
            except fodlam.InputError as error:
                found.append(f'{config}: {error}')
    return found
