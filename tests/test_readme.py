"""The commands, outputs and numbers of README.md and its like, run and computed as they stand there."""

import csv
import doctest
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import definitions
import onnx_encoder
from support import NETFILES, ROOT, extract, fodlam, path, read, run, validator

from fodlam.data import accelerators, calibration, comparisons, devices, eyeriss, notes

DOCUMENTS = ('README.md', 'nets/README.md', 'data/README.md')
NVDLA = 'nvdla-2048'


# Stillmaker and Baas (2017): nominal supply in V, and coefficients of delay and energy, from V^3 and
# V^2 on.
def blocks(document):
    """Return the fenced blocks of a document, as [(language, text)]."""
    return re.findall(r'^```(\w+)\n(.*?)^```$', read(document), re.DOTALL | re.MULTILINE)


def blocks_in(language, document='README.md'):
    """Return the texts of a document's blocks in one language."""
    return [text for other, text in blocks(document) if other == language]


def shell(commands, cwd=ROOT):
    """Return what commands print, in a shell in which python3 is the one that runs the tests."""
    return subprocess.run(
        ['sh', '-c', f'python3() {{ "$PYTHON" "$@"; }}\n{commands}'],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding='utf-8',
        cwd=cwd,
        env={**os.environ, 'PYTHON': sys.executable, 'PYTHONIOENCODING': 'utf-8'},
        timeout=60,
    ).stdout


def anchors(document):
    """Return what links to a document's headings end in, as GitHub makes them."""
    headings = re.findall(r'^#+ (.*)$', read(document), re.MULTILINE)
    return {re.sub(r'[^\w -]', '', heading.lower()).replace(' ', '-') for heading in headings}


@unittest.skipUnless(os.name == 'posix', 'needs a POSIX shell')
class Commands(unittest.TestCase):
    maxDiff = None

    def test_console_blocks(self):
        for document in DOCUMENTS:
            for session in blocks_in('console', document):
                for command, expected in re.findall(r'^\$ (.*)\n((?:(?!\$ ).*\n)*)', session, re.M):
                    with self.subTest(command):
                        self.assertEqual(shell(command), expected)

    def test_scripts(self):
        """Scripts of several lines, each before the block of what it prints."""
        for document in DOCUMENTS:
            listed = blocks(document)
            for (language, script), (after, expected) in zip(listed, listed[1:]):
                if (language, after) == ('sh', 'text'):
                    with self.subTest(script):
                        self.assertEqual(shell(script), expected)

    def test_the_others_are_the_tests_and_the_extraction(self):
        tests, extraction = blocks_in('sh')
        self.assertIn(f"'{tests.strip()}'", read('.ci', 'run'))
        with tempfile.TemporaryDirectory() as folder:
            for name in ('nets', 'data'):
                shutil.copytree(path(name), os.path.join(folder, name))
            shutil.copy(path('fodlam.py'), folder)
            with open(os.path.join(folder, 'model.onnx'), 'wb') as file:
                gemm = onnx_encoder.node('Gemm', 'x w', 'y', 'fc')
                weights = onnx_encoder.tensor('w', [10**6, 1000])
                frame = onnx_encoder.value('x', [1, 10**6])
                file.write(onnx_encoder.model([gemm], [frame], [weights]))
            report = json.loads(shell(extraction, cwd=folder))
        per_mac = fodlam.diagnose()['average']['latency']['fc']
        self.assertEqual(report['total']['latency'], 10**9 * per_mac)


class Text(unittest.TestCase):
    def test_python_blocks(self):
        session = '\n'.join(blocks_in('python'))
        example = doctest.DocTestParser().get_doctest(session, {}, 'README', 'README.md', 0)
        self.assertTrue(example.examples)
        self.assertEqual(doctest.DocTestRunner().run(example).failed, 0)

    def test_json_blocks(self):
        for block in blocks_in('json'):
            self.assertEqual(len(fodlam.read_net(block.encode())), len(json.loads(block)))

    def test_first_screen(self):
        lines = read('README.md').splitlines()
        for command in (
            'python3 fodlam.py < config/vgg16.json',
            'python3 -m unittest discover -s tests',
        ):
            self.assertTrue(any(line.endswith(command) for line in lines[:40]), command)

    def test_where_things_live(self):
        section = read('README.md').partition('## Where things live\n')[2].partition('\n## ')[0]
        names = set(re.findall(r'\b(?:(?:data|nets)/)?\w+\.py\b', section))
        self.assertGreater(len(names), 15)
        for name in names:
            folders = [''] if '/' in name else ['', 'data', 'nets']
            there = [folder for folder in folders if os.path.exists(path(folder, name))]
            self.assertEqual(len(there), 1, name)

    def test_links(self):
        for document in DOCUMENTS:
            for target, anchor in re.findall(r'\]\((?!http)([^)#]*)#?([^)]*)\)', read(document)):
                with self.subTest(target=target, anchor=anchor):
                    linked = os.path.normpath(os.path.join(os.path.dirname(document), target))
                    self.assertTrue(os.path.exists(path(linked)) or not target)
                    if anchor:
                        self.assertIn(anchor, anchors(linked if target else document))

    def test_configs_are_what_the_readme_says(self):
        said = re.search(r'`config/` has(.*?)\sare\spublished', read('README.md'), re.DOTALL)
        published = re.findall(r'`([\w-]+\.json)`', said.group(1))
        self.assertEqual(len(published), 5)
        for name in os.listdir(path('config')):
            report = fodlam.estimate(json.loads(read('config', name)), per_layer=True)
            source = 'by MACs'
            for end, by in (('shape', 'shape'), ('nvdla', 'roofline'), ('edge-tpu', 'roofline')):
                source = f'by {by}' if name.endswith(f'-{end}.json') else source
            source = 'published' if name in published else source
            for layer in report['layers']:
                if layer['kind'] == 'conv' or source != 'by shape':
                    self.assertTrue(layer['source'].startswith(source), name)

    def test_what_is_easily_misread(self):
        said = ' '.join(read('README.md').split())
        self.assertIn(f'a dense one takes up to {notes.DENSE_FC_FACTOR} times longer', said)
        for rule, energy in (('dennard', '3.0'), ('stillmaker', '1.95')):
            power, time = fodlam.node_scale(45, 65, rule)
            self.assertEqual(f'{power * time:.{len(energy) - 2}f}', energy)
        self.assertIn('multiplied by 3.0, where [another rule](#accuracy) says 1.95', said)

    def test_columns_of_csv(self):
        """The table has all columns of CSV, in their order, and no others."""
        rows = re.findall(r'^\| (`.*?) \|.*$', read('README.md').split('**CSV**')[1], re.M)
        said = re.findall(r'`(\w+)`', ' '.join(rows[: rows.index('`layers`') + 1]))
        entries = json.loads(read('nets', 'lenet.json'))
        shape = {'ifmap': [2, 2, 1], 'ofmap': [2, 2, 1], 'kernel': [1, 1]}
        entries.append({'name': 'qk', 'type': 'MatMul', 'macs': 8, **shape})
        chip = {'macs': 64, 'clock_mhz': 500, 'dram_gb_per_s': 5, 'mac_pj': 1, 'power_mw': 5}
        array = {'rows': 8, 'cols': 8, 'dataflow': 'ws', 'sram_pj_per_byte': 2}
        density = {'conv_activations': 0.5}
        found = []
        for config in (
            {'netfile': entries},
            {'net': 'AlexNet'},
            {'netfile': 'lenet.json', 'scaling': 'shape', 'density': density},
            {'netfile': entries, 'accelerator': {**chip, 'dram_pj_per_byte': 9}},
            {'netfile': entries, 'accelerator': {**chip, **array}},
        ):
            stdin = json.dumps(config).encode()
            columns = run('--format', 'csv', '--range', stdin=stdin).out.splitlines()[0].split(',')
            self.assertEqual(columns, [name for name in said if name in columns])
            found += columns
        self.assertEqual(set(said), set(found))


def layers(net, kind, scaling=None):
    """Return a published network's layers of a kind, for one frame: as published, or scaled."""
    config = {'net': net}
    if scaling:
        config = {'netfile': NETFILES[net], 'scaling': scaling}
    report = fodlam.estimate(config, per_frame=True, per_layer=True)
    return [layer for layer in report['layers'] if layer['kind'] == kind]


def total(of, key='latency'):
    return sum(layer[key] for layer in of)


def percent(modelled, measured):
    return (modelled / measured - 1) * 100


def by_other(net, kind):
    """Return the error in percent of a network by the average that a MAC takes in the other one."""
    here, (there,) = layers(net, kind), (layers(x, kind) for x in NETFILES if x != net)
    return percent(total(here, 'macs') * total(there) / total(there, 'macs'), total(here))


def each_error(quantity, scaling):
    """Return the errors in percent of all published conv layers."""
    return [
        percent(modelled[quantity], measured[quantity])
        for net in NETFILES
        for modelled, measured in zip(layers(net, 'conv', scaling), layers(net, 'conv'))
    ]


def span(values):
    return f'{min(values):+.0f}% to {max(values):+.0f}%'


def rate(config):
    """Return the frame rate of a config's total."""
    return 1 / fodlam.estimate(config)['total']['latency']


class Numbers(unittest.TestCase):
    """Sentences with numbers, with the numbers computed."""

    def says(self, *sentences, document='README.md'):
        text = ' '.join(read(document).split())
        for sentence in sentences:
            self.assertTrue(sentence in text, f'{document}: {sentence}')

    def test_terms(self):
        macs = layers('VGG16', 'conv')[0]['macs']
        self.says(f"VGG-16's CONV1-1 takes {macs:,} of them a frame")

    def test_which_numbers_to_use(self):
        conv, fc = (
            ', '.join(f'{by_other(net, kind):+.0f}%' for net in ('VGG16', 'AlexNet'))
            for kind in ('conv', 'fc')
        )
        rows = {row['quantity']: row['error_percent'] for row in validator.validate()}
        shape = ', '.join(
            f'{rows[f"{net} conv latency by {other}"]:+.0f}%'
            for net, other in (('VGG16', "AlexNet's shape"), ('AlexNet', "VGG16's shape"))
        )
        batches = ' or '.join(str(fodlam.PUBLISHED[net]['batch_frames']) for net in NETFILES)
        self.says(f'conv {batches}, fc 1', f'| conv {conv}; fc {fc} |', f'| conv {shape} |')

    def test_frames(self):
        for net, batch, name in (('AlexNet', 4, 'AlexNet'), ('VGG16', 3, 'VGG-16')):
            batched, framed = (
                fodlam.estimate({'net': net}, per_frame=x)['conv']['latency'] for x in (False, True)
            )
            self.assertAlmostEqual(batched / framed, batch)
            self.says(f'{1 / framed:.1f} frame/s for {name} ({framed:.4f} s)')
        batched, framed = (fodlam.diagnose(x)['average']['latency']['conv'] for x in (False, True))
        frames = f'{batched / framed:.2f}'
        self.says(f'as much as {frames} frames do with it', f'| conv {frames}, fc 1 |')

    def test_ranges_by_shape(self):
        said = []
        for netfile in ('googlenet', 'resnet50'):
            config = {'netfile': f'{netfile}.json', 'scaling': 'shape'}
            costs = fodlam.estimate(config, range=True)['total']
            low, high = costs['latency_range']
            ends = f'({math.floor(low * 1e3)} to {math.ceil(high * 1e3)})'
            said += [f'{costs["latency"] * 1e3:.0f}', ends]
        self.says('GoogLeNet takes {} ms a frame {}, ResNet-50 {} ms {}'.format(*said))

    def test_example_from_research(self):
        whole, late = (
            fodlam.estimate(json.loads(read('config', name)), per_frame=True)['total']['energy']
            for name in ('vgg16.json', 'vgg16-after-pool3.json')
        )
        self.says(
            f'0.2 x {whole * 1e3:.1f} + 0.8 x {late * 1e3:.1f} = '
            f'{(whole / 5 + late * 4 / 5) * 1e3:.1f} mJ on average'
        )

    def test_single_layers(self):
        per_layer = fodlam.diagnose(per_frame=True)['per_layer']['latency']
        factors = []
        for prefix in ('CONV', 'FC'):
            costs = [c for net in per_layer.values() for name, c in net.items() if prefix in name]
            factors.append(f'{max(costs) / min(costs):.1f}')
        self.says(
            f'off by {span(each_error("latency", "shape"))} in time and by '
            f'{span(each_error("energy", "shape"))} in energy; by MACs, over both networks, by '
            f'{span(each_error("latency", "mac"))} in time. One MAC takes up to {factors[0]} times '
            f'as long in one published conv layer as in another, and up to {factors[1]} times in fc'
        )

    def test_mobilenet(self):
        with tempfile.TemporaryDirectory() as folder:
            netfile = os.path.join(folder, 'mobilenet.json')
            with open(netfile, 'w', encoding='utf-8') as file:
                file.write(extract('mobilenet.prototxt', definitions.mobilenet()).out)
            shape, mac = (
                1 / fodlam.estimate(config, per_frame=True)['conv']['latency']
                for config in ({'netfile': netfile, 'scaling': 'shape'}, {'netfile': netfile})
            )
        self.says(f'{shape:.0f} frame/s by shape and {mac:.0f} by MACs')

    def test_nvdla(self):
        plain, refined = [], []
        for row in csv.DictReader(read('data', 'nvdla.csv').splitlines()):
            published = float(row['ResNet-50 (frame/s)'])
            chip = {
                'macs': float(row['MACs per Cycle']),
                'clock_mhz': float(row['Clock (MHz)']),
                'dram_gbps': float(row['DRAM Bandwidth (GB/s)']),
            }
            for errors, accelerator in ((plain, chip), (refined, row['Configuration'])):
                config = {'netfile': 'resnet50.json', 'accelerator': accelerator}
                errors.append(percent(rate(config), published))
        most = f'within {math.ceil(max(map(abs, refined)) * 10) / 10:.1f}%'
        self.says(f'seven are {most}')
        self.says(
            f'reproduced {most}; a plain roofline is {min(plain):.0f}% to {max(plain):.0f}% too fast',
            document='nets/README.md',
        )

    def test_maps_that_stay(self):
        moved = []
        for netfile, feature_kib in (
            ('resnet50.json', 0),
            ('resnet50.json', 2048),
            ('resnet50_torchvision.json', 0),
            ('resnet50_torchvision.json', 1024),
            ('resnet50_torchvision.json', 2048),
        ):
            chip = {'macs': 64, 'clock_mhz': 1000, 'dram_gb_per_s': 1, 'feature_kib': feature_kib}
            total = fodlam.estimate({'netfile': netfile, 'accelerator': chip})['total']
            bytes_ = total['weight_traffic_bytes'] + total['feature_traffic_bytes']
            moved.append(f'{bytes_ / 1e6:.1f}')
        nothing, most, *torchvision = moved
        self.says(
            f'ResNet-50 moves {nothing} MB a frame, and {most} with 2 MiB',
            document='nets/README.md',
        )
        nothing, some, most = torchvision
        self.says(
            f'it moves {nothing} MB, {some} with 1 MiB and {most} with 2 MiB',
            document='nets/README.md',
        )

    def test_sram_to_start_from(self):
        """Horowitz, ISSCC 2014: 64 bits from 8 KiB, 32 KiB and 1 MiB take 10, 20 and 100 pJ."""
        self.assertEqual([pj / 8 for pj in (10, 20, 100)], [1.25, 2.5, 12.5])
        self.says('1.25, 2.5 or 12.5 pJ a byte for 8 KiB, 32 KiB or 1 MiB of SRAM')
        self.says('so 1.25, 2.5 and 12.5 pJ a byte', document='nets/README.md')

    def test_memory_bound(self):
        shares = []
        for netfile in ('alexnet_deploy', 'lenet'):
            config = {'netfile': f'{netfile}.json', 'accelerator': NVDLA}
            report = fodlam.estimate(config, per_layer=True)
            bound = [layer for layer in report['layers'] if layer['bound'] == 'memory']
            shares.append(f'{total(bound) / report["total"]["latency"]:.0%}')
        alexnet, lenet = shares
        self.says(f'AlexNet is memory-bound for {alexnet} of its time')
        self.says(
            f'AlexNet is memory-bound for {alexnet} of its time on `{NVDLA}`, LeNet for {lenet}',
            document='nets/README.md',
        )

    def test_processes(self):
        def factors(rule):
            scales = [fodlam.node_scale(65, nm, rule) for nm in (45, 16, 7)]
            return [(time, power * time) for power, time in scales]

        dennard, fit = factors('dennard'), factors('stillmaker')
        (_, e45), (_, e16), (_, e7) = dennard
        energies, times = ([f'{pair[i]:.3g}' for pair in fit] for i in (1, 0))
        self.says(
            f'energy times {e45:.3g} at 45 nm, {e16:.3g} at 16 and {e7:.3g} at 7; the fit of '
            f'Stillmaker and Baas (2017) has {energies[0]}, {energies[1]} and {energies[2]}'
        )
        t45, t16, t7 = (f'{time:.3f}' for time, _ in dennard)
        self.says(
            f'Times are {t45}, {t16} and {t7}, and by the fit {times[0]}, {times[1]} and {times[2]}'
        )

    def test_devices(self):
        errors = {row['quantity']: row['error_percent'] for row in validator.validate()}
        sentences = []
        for how in ('share', 'MACs'):
            title = '77 networks on all devices'
            typical, worst = (
                errors[f'{title}, {name} by {how}'] for name in ('typically', 'at worst')
            )
            sentences.append((f'{typical:.0f}%', f'+{worst:.0f}%'))
        share, macs = sentences
        self.says(
            f'a typical error of {share[0]} (at worst {share[1]}), MACs per second with {macs[0]} '
            f'({macs[1]})'
        )
        attained = devices.bound_note().partition('real devices ')[2]
        self.says(f'they {attained.removesuffix("it")}them')

    def test_pairs_on_devices(self):
        runs = calibration.measured_runs()
        by_macs = {}
        for device, networks in runs.items():
            by_macs[device] = {name: comparisons.by_macs(run) for name, run in networks.items()}
        highest = []
        for measured in (runs, by_macs):
            errors = calibration.errors_of(calibration.from_one_to_another(measured))
            highest.append(f'{calibration.percentile(errors, 0.95):.1f}')
        self.says(
            f'all {len(errors):,} pairs; one in twenty is off by more than a factor of '
            f'{highest[0]}, by MACs of {highest[1]}'
        )
        typical = []
        for device, networks in runs.items():
            if len(networks) >= devices.MANY_NETWORKS:
                factors = calibration.from_one_to_another({device: networks})
                typical.append(calibration.geometric_mean(calibration.errors_of(factors)) - 1)
        self.says(f"Vitis AI's four boards have {min(typical):.0%} to {max(typical):.0%}; where")

    def test_typical_errors_on_devices(self):
        one, two, many = set(), set(), []
        for row in devices.read_calibrated().values():
            if row.networks >= devices.MANY_NETWORKS:
                many.append(row.typical)
            else:
                (one if row.networks == 1 else two).add(f'{row.typical:.2f}')
        self.says(f'typically a factor of {two.pop()} to {one.pop()} |')
        self.says(f'typically a factor of {min(many):.2f} to {max(many):.2f} |')
        self.assertEqual((one, two), (set(), set()))
        self.says(
            devices.bound_note().partition('a roofline is ')[2].removeprefix('a bound: real ')
        )

    def test_what_is_not_modelled_on_devices(self):
        odd, others = [], []
        for runs in calibration.measured_runs().values():
            if len(runs) < devices.MANY_NETWORKS:
                continue
            fit = calibration.fit_device(list(runs.values()))
            for network, each in runs.items():
                (odd if network == 'EfficientNet-B0' else others).append(fit.factor(each))
        self.assertEqual(len(odd), 3)
        self.says(
            f'takes {min(odd):.1f} to {max(odd):.1f} times as long as modelled on the three boards',
            f'within a factor of {max(calibration.errors_of(others)):.1f}',
        )

    def test_densities(self):
        errors = [
            f'{row["error_percent"]:+.0f}%'
            for row in validator.validate()
            if row['quantity'].endswith('fc latency by density')
        ]
        self.says(f'fc {", ".join(reversed(errors))}')

    def test_rooflines_of_devices(self):
        chip = {'macs': 1, 'clock_mhz': 1, 'dram_gbps': 1}
        limits = [
            devices.time_limits(accelerators.find_accelerator(each))
            for each in (
                chip,
                'edge-tpu',
                {**chip, 'efficiency': 1, 'layer_us': 1},
                {**chip, 'efficiency': 1},
            )
        ]
        (_, most), two, with_time, one = limits
        config = {'netfile': 'mobilenet.json', 'accelerator': NVDLA}
        seconds = fodlam.estimate(config)['total']['latency']
        self.says(
            f'if the device was measured with two, {two[0]:.2f} to {two[1]:.2f};',
            f'if the accelerator has one, {with_time[0]:.3f} to {with_time[1]:.2f};',
            f'else by one, {one[0]:.3f} to {one[1]:.2f}.',
            f'what {1 / most:.3f} makes of it',
            f'MobileNet takes {seconds * 1e3:.2f} ms on `{NVDLA}`',
            document='nets/README.md',
        )

    def test_layers_by_density(self):
        rows = validator.validate(per_layer=True)
        single = [
            r['error_percent'] for r in rows if re.search(r'FC\d latency by density', r['quantity'])
        ]
        self.says(
            f'single layers {min(single):.0f}% to +{max(single):.0f}%', document='nets/README.md'
        )
        other = next(r for r in rows if r['quantity'] == "VGG16 conv latency by AlexNet's shape")
        self.says(
            f'gives VGG-16 {other["error_percent"]:.0f}% too much time', document='nets/README.md'
        )

    def test_energies_to_start_from(self):
        """Horowitz, ISSCC 2014, 45 nm: 8-bit 0.2 + 0.03 pJ, 32-bit float 3.7 + 0.9 pJ, DRAM."""
        self.says(
            f'a MAC of 8-bit integers {0.2 + 0.03:.2f} pJ, of 32-bit floats {3.7 + 0.9:.1f} pJ'
        )
        self.says(
            f'64 bits of DRAM 1.3 to 2.6 nJ, which is {round(1300 / 8, -1):.0f} to '
            f'{round(2600 / 8, -1):.0f} pJ a byte'
        )

    def test_strided_layers(self):
        net = json.loads(read('nets', 'resnet50.json'))
        strided = {x['name'] for x in net if x.get('kernel') == [1, 1] and x['stride'] == [2, 2]}
        config = {'netfile': 'resnet50.json', 'accelerator': NVDLA}
        report = fodlam.estimate(config, per_layer=True)
        time = total([layer for layer in report['layers'] if layer['name'] in strided])
        self.assertEqual(round(4 * time / report['total']['latency']), 1)
        self.says("a quarter of ResNet-50's time", document='nets/README.md')


class ShapeModel(unittest.TestCase):
    """What nets/README.md derives Eyeriss's shape model from: Tables V and VI, JSSC 2017."""

    says = Numbers.says

    def test_rates(self):
        no_time = eyeriss.Calibration(math.inf, math.inf, 1)
        one_byte_a_second = no_time._replace(buffer_bytes_per_s=1)
        buffer_bound, other, macs_per_s, peak = [], [], [], []
        for net, netfile in NETFILES.items():
            entries = fodlam.read_net(netfile)
            batch_frames = fodlam.PUBLISHED[net]['batch_frames']
            table = read('data', fodlam.PUBLISHED[net]['eyeriss_file'])
            for row in csv.DictReader(table.splitlines()):
                if row['Layer'] == 'Total':
                    continue
                entry = entries[fodlam.canonical(row['Layer'])]
                time = float(row['Processing Latency (ms)']) * 1e-3 / batch_frames
                with_buffer, _ = eyeriss.eyeriss_cost(entry, one_byte_a_second)
                without, _ = eyeriss.eyeriss_cost(entry, no_time)
                bytes_per_s = (with_buffer.latency_s - without.latency_s) / time
                if batch_frames == 3 and 'CONV5' not in row['Layer']:
                    buffer_bound.append(bytes_per_s)
                    macs_per_s.append(entry['macs'] / time)
                else:
                    other.append(bytes_per_s)
                if batch_frames == 3 and 'CONV5' in row['Layer']:
                    peak.append(
                        entry['macs'] / time / eyeriss.EYERISS_PES / eyeriss.EYERISS_CLOCK_HZ
                    )
        self.assertEqual({f'{share:.2f}' for share in peak}, {'0.85'})
        self.assertLess(max(other), 1.7e9)
        self.says(
            f'at {min(buffer_bound) / 1e9:.2f} to {max(buffer_bound) / 1e9:.2f} GB/s, though their '
            f'MACs per second differ by a factor of {max(macs_per_s) / min(macs_per_s):.1f}',
            document='nets/README.md',
        )

    def test_errors(self):
        errors = each_error('latency', 'shape')
        self.says(
            f'mean error in time is {sum(map(abs, errors)) / len(errors):.1f}%, and modelled over '
            f'published time is from {1 + min(errors) / 100:.3f} to {1 + max(errors) / 100:.3f}',
            document='nets/README.md',
        )


if __name__ == '__main__':
    unittest.main()
