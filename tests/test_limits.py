"""Nothing unbounded: long titles and names, many layers, cells of CSV, members of entries."""

import json
import time
import unittest

from support import fodlam, run

LONG = 'x' * 4000
SMALL = {'name': 'a', 'type': 'InnerProduct', 'macs': 5}


class Limits(unittest.TestCase):
    def test_a_title_is_cut_to_what_is_shown(self):
        config = {'net': 'VGG16', 'layers': ['FC8'], 'title': 'ab ' * 300_000}
        began = time.process_time()
        for format_ in 'table', 'svg':
            out = run('--format', format_, stdin=json.dumps(config).encode()).out
            self.assertLess(len(out), 50_000, format_)
        self.assertLess(time.process_time() - began, 1)  # wrapped as a whole: some seconds
        self.assertEqual(fodlam.estimate(config)['title'], config['title'])

    def test_a_config_names_so_many_layers(self):
        most = fodlam.MAX_NAMED_LAYERS
        config = {'net': 'VGG16', 'layers': ['FC8'] * most}
        fodlam.estimate(config)
        config['layers'].append('FC8')
        said = f'config: "layers" names {most + 1} layers; expected at most {most}'
        for more in {}, {'per_frame': True}:
            with self.assertRaisesRegex(fodlam.InputError, said):
                fodlam.estimate({**config, **more})

    def test_names_are_cut_where_they_are_quoted(self):
        shape = {'scaling': 'shape'}
        for config in (
            {'netfile': [{**SMALL, 'name': LONG, 'type': 'Convolution', 'ifmap': [0]}], **shape},
            {'netfile': [{**SMALL, 'name': LONG, 'type': 'conv'}], **shape},
            {'netfile': [{'name': LONG, 'type': 'ReLU'}]},
            {'netfile': [SMALL], 'layers': [LONG]},
            {'net': LONG},
            {'netfile': LONG},
            {'netfile': [{**SMALL, LONG: 1}]},
        ):
            with self.assertRaises(fodlam.InputError) as caught:
                fodlam.estimate(config)
            self.assertIn('; ', str(caught.exception))
            self.assertNotIn('x' * 500, str(caught.exception))

    def test_cells_that_spreadsheets_take_for_formulas(self):
        for start in '=', '+', '-', '@', '\t', '\r', '\n', '\uff1d', '\uff0b', '\uff0d', '\uff20':
            report = fodlam.csv({'netfile': [{**SMALL, 'name': f'{start}1+1'}]})
            shown = start if start.isprintable() else ' '
            self.assertEqual(report.splitlines()[1].split(',')[0], f"'{shown}1+1")

    def test_sizes_of_layers_without_macs_are_checked(self):
        for key, value in (
            ('ifmap', [1] * 1000),
            ('ofmap', 'wide'),
            ('kernel', [3, 0]),
            ('stride', {}),
            ('groups', [1, 2]),
        ):
            netfile = [SMALL, {'name': 'b', 'type': 'ReLU', key: value}]
            with self.assertRaisesRegex(
                fodlam.InputError, rf'\[1\]: "{key}" is .*; expected . whole'
            ):
                fodlam.estimate({'netfile': netfile})


if __name__ == '__main__':
    unittest.main()
