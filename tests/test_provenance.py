"""The tables in data/ against the text extracted from the papers."""

import csv
import re
import unittest

from support import fodlam, read

EYERISS = {  # file: (its raw text, batch size by the table's caption, net file)
    'eyeriss-alexnet.csv': ('eyeriss-tableV.txt', 4, 'alexnet_deploy.json'),
    'eyeriss-vgg16.csv': ('eyeriss-tableVI.txt', 3, 'VGG_ILSVRC_16_layers_deploy.json'),
}


def rows(filename):
    return list(csv.DictReader(read('data', filename).splitlines()))


def number(cell):
    return float(cell.rstrip('%'))


def corrections():
    """Return {(file, row, column): (raw text, data)} of corrections.csv; no text is empty."""
    listed = csv.DictReader(read('tests', 'corrections.csv').splitlines())
    return {
        (row['file'], row['row'], row['column']): (row['text in raw/'], row['data'])
        for row in listed
    }


def raw_lines(filename):
    """Return the lines of an extracted Eyeriss table that are rows, in order."""
    return [
        line
        for line in read('raw', filename).splitlines()
        if re.match('(?i)conv|total |tubal', line)
    ]


class Provenance(unittest.TestCase):
    """Every number stands in raw/, or in the list of corrections beside this file."""

    def test_eyeriss_cells_are_raw_or_listed(self):
        listed = {key: value for key, value in corrections().items() if key[0] in EYERISS}
        needed = set()
        for file, (raw_file, _, _) in EYERISS.items():
            lines = raw_lines(raw_file)
            self.assertEqual(len(lines), len(rows(file)))
            for line, row in zip(lines, rows(file)):
                # "154(92%)" is active PEs and their share, which is not in data/.
                words = line.replace('(', ' (').split()
                for column, cell in row.items():
                    key = file, row['Layer'], column
                    if column == 'Layer' or cell in words:
                        continue
                    self.assertIn(key, listed)
                    needed.add(key)
                    raw, data = listed[key]
                    self.assertEqual(data, cell, key)
                    self.assertIn(raw, line, key)
        self.assertEqual(needed, set(listed), 'corrections of cells that stand in raw/')

    def test_eie_cells_are_raw_or_listed(self):
        line = next(x for x in read('raw', 'eie-raw.csv').splitlines() if x.startswith('EIE Theo'))
        words = re.split('[ ,]', line)[5:]
        self.assertEqual(words.pop(), '6.57.5')
        raw = [r for r in rows('eie-layers.csv') if r['Layer'].startswith(('Alex', 'VGG', 'NT'))]
        cells = [row[c] for row in raw for c in row if 'Time' in c]
        self.assertEqual(words, cells[:-2])
        mended = [v for k, v in corrections().items() if k[0] == 'eie-layers.csv']
        self.assertEqual(mended, [('6.57.5', cells[-2]), ('6.57.5', cells[-1])])

    def test_readme_says_how_many(self):
        self.assertIn(f'lists the {len(corrections())} cells', read('data', 'README.md'))

    def test_eie_power_and_process_are_raw(self):
        raw = read('raw', 'eie-raw.csv').splitlines()
        column = next(csv.reader([x for x in raw if x.startswith('Platform,')])).index('EIE')
        of = {
            x.split(',')[0]: next(csv.reader([x]))
            for x in raw
            if x.startswith(('Tech', 'Power (W'))
        }
        self.assertEqual(of['Technology'][column], f'{fodlam.EIE_PROCESS_NM}nm')
        self.assertEqual(float(of['Power (W)'][column]), fodlam.EIE_POWER_W)

    def test_eyeriss_process_is_raw(self):
        self.assertIn(f'{fodlam.EYERISS_PROCESS_NM}nm', read('raw', 'eyeriss-tableIV.txt'))


class Checks(unittest.TestCase):
    """What Eyeriss's Tables V and VI say of themselves."""

    SUMMED = (
        'Total Latency (ms)',
        'Processing Latency (ms)',
        'Num. of MACs (G)',
        'Global Buffer Accesses (MB)',
        'DRAM Accesses (MB)',
    )

    def test_one_schema(self):
        headings = [read('data', file).splitlines()[0] for file in EYERISS]
        self.assertEqual(headings[0], headings[1])
        for file in [*EYERISS, 'eie-layers.csv']:
            self.assertNotRegex(read('data', file), r' ,|, ')

    def test_layers_add_up_to_the_total_row(self):
        for file in EYERISS:
            *layers, total = rows(file)
            self.assertEqual(total['Layer'], 'Total')
            for column in self.SUMMED:
                # Each row, and the total, may be off by half of its last digit (MACs: by one).
                digit = 10.0 ** -len(total[column].partition('.')[2])
                share = 1 if 'MACs' in column else 0.5
                rounding = share * digit * (len(layers) + 1)
                added = sum(number(row[column]) for row in layers)
                self.assertAlmostEqual(added, number(total[column]), delta=rounding, msg=column)

    def test_latency_weighted_means_are_the_total_row(self):
        for file in EYERISS:
            *layers, total = rows(file)
            weights = [number(row['Total Latency (ms)']) for row in layers]
            for column in ('Power (mW)', 'Num. of Active PEs'):
                weighted = sum(number(r[column]) * w for r, w in zip(layers, weights)) / sum(
                    weights
                )
                self.assertAlmostEqual(weighted, number(total[column]), delta=0.5, msg=column)

    def test_macs_are_the_batch_times_the_networks(self):
        described = read('data', 'README.md')
        for file, (_, batch_frames, netfile) in EYERISS.items():
            macs = {key: x.get('macs') for key, x in fodlam.read_net(netfile).items()}
            for row in rows(file)[:-1]:
                published = number(row['Num. of MACs (G)']) * 1e9
                ratio = published / macs[fodlam.canonical(row['Layer'])]
                self.assertEqual(round(ratio), batch_frames)
                self.assertAlmostEqual(ratio, batch_frames, delta=0.02 * batch_frames)
            self.assertRegex(described, rf'`{file}` \|.*\*\*batch of {batch_frames} frames\*\*')

    def test_conv5_1_has_all_pes_active(self):
        row = next(r for r in rows('eyeriss-vgg16.csv') if r['Layer'] == 'CONV5-1')
        self.assertEqual(row['Num. of Active PEs'], '168')


if __name__ == '__main__':
    unittest.main()
