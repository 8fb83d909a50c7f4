"""nets/README.md and data/README.md: their numbers, computed; their tables, complete; their examples."""

import csv
import doctest
import functools
import json
import math
import os
import re
import unittest

from documents import DOCUMENTS, Says, anchors, blocks_in, layers, percent, rows_below, total
from results import errors
from support import NETFILES, extractor, fodlam, path, read, run

from fodlam.data import (
    accelerators,
    by_shape,
    calibration,
    comparisons,
    devices,
    eie,
    entries,
    eyeriss,
    eyeriss_tables,
    notes,
    process,
    ranges,
    roofline,
    shape,
)

NETS, DATA = 'nets/README.md', 'data/README.md'
NVDLA = 'nvdla-2048'
SECTIONS = (  # README.md links to these
    '# Figures, models and accuracy', '## The published figures', '## Frames', '## By MACs',
    '## By shape', '## By density', '## Energy by two parts', '## Rooflines', '## Systolic arrays',
    '## Devices', '## Ranges', '## Process nodes', '## Reports', '## Sweeps', '## Accuracy',
)  # fmt: skip
MOST_WORDS = 30  # of a sentence


def errors_like(pattern):
    """Return the errors in percent of all quantities whose whole name is like a pattern."""
    found = [
        error
        for quantity, error in errors(per_layer=True).items()
        if re.fullmatch(pattern, quantity)
    ]
    assert found, pattern
    return found


def span(values):
    return f'{min(values):+.0f}% to {max(values):+.0f}%'


measured_runs = functools.cache(calibration.measured_runs)


def boards():
    """Return {device: {network: Run}} of the devices with a time per layer."""
    many = devices.MANY_NETWORKS
    return {device: runs for device, runs in measured_runs().items() if len(runs) >= many}


def estimate(netfile, accelerator, **flags):
    return fodlam.estimate({'netfile': netfile, 'accelerator': accelerator}, **flags)


def rate(config):
    """Return the frame rate of a config's total."""
    return 1 / fodlam.estimate(config)['total']['latency']


def netfile_entry(netfile, name):
    return fodlam.read_net(netfile)[fodlam.canonical(name)]


def sentences(document):
    """Yield the sentences of a document's prose: no code, tables, headings and formulas."""
    text = re.sub(r'^```.*?^```$', '\n', read(document), flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r'^(\||#|    ).*$', '\n', text, flags=re.MULTILINE)
    text = re.sub(r'\]\([^)]*\)', ']', text)  # where links lead to
    for paragraph in re.split(r'\n\s*\n|\n(?=- |\d+\. )', text):
        paragraph = ' '.join(re.sub(r'^(- |\d+\. )', '', paragraph.strip()).split())
        yield from re.split(r'(?<=[.!?])["*)]*\s+(?=[A-Z`*"\[0-9])', paragraph)


class Documents(unittest.TestCase):
    """What holds of both."""

    def test_sentences_are_short(self):
        for document in DOCUMENTS:
            for sentence in sentences(document):
                self.assertLessEqual(len(sentence.split()), MOST_WORDS, f'{document}: {sentence}')

    def test_sections_that_readme_links_to(self):
        headings = re.findall(r'^##? .*$', re.sub(r'(?ms)^```.*?^```$', '', read(DATA)), re.M)
        self.assertEqual(tuple(headings), SECTIONS)

    def test_no_heading_stands_twice(self):
        for document in DOCUMENTS:
            listed = anchors(document)
            self.assertEqual(len(listed), len(set(listed)), document)

    def test_python_sessions(self):
        for document in (NETS, DATA):
            session = '\n'.join(blocks_in('python', document))
            example = doctest.DocTestParser().get_doctest(session, {}, document, document, 0)
            self.assertEqual(bool(example.examples), document == DATA)
            self.assertEqual(doctest.DocTestRunner().run(example).failed, 0)


class Nets(Says, unittest.TestCase):
    """nets/README.md."""

    document = NETS

    def test_json(self):
        (block,) = blocks_in('json', NETS)
        conv1, relu1, fc1 = fodlam.read_net(block.encode()).values()
        self.assertEqual(
            (conv1['macs'], relu1.get('macs'), fc1['macs']), (105415200, None, 37748736)
        )

    def test_every_member(self):
        said = re.findall(r'`(\w+)`', ' '.join(row[0] for row in rows_below(NETS, 'member')))
        self.assertEqual({'name', 'type', *said}, set(fodlam.ENTRY_KEYS))

    def test_every_type(self):
        said = {}
        for type_, others in rows_below(NETS, 'type', 'other names'):
            for name in [type_, *filter(None, others.split(', '))]:
                said[name.casefold()] = type_
        self.assertEqual(said, entries.TYPE_NAMES)

    def test_macs(self):
        """The three formulas, with sizes that no two of are the same."""
        sizes = {'ifmap': [6, 7, 11], 'ofmap': [10, 3, 5], 'kernel': [2, 4], 'groups': 2}
        for type_, macs in (
            ('Convolution', 10 * 3 * 5 * 3 * 2 * 4),
            ('Deconvolution', 7 * 11 * 6 * 5 * 2 * 4),
        ):
            entry = {'name': 'a', 'type': type_, **sizes}
            self.assertEqual(shape.count_macs(entry, shape.read_shape(entry)), macs)
        g, M, k, N = 2, 3, 5, 7
        product = {'ifmap': [g * k, M, 1], 'ofmap': [g * N, M, 1], 'groups': g}
        entry = {'name': 'qk', 'type': 'MatMul', **product}
        self.assertEqual(shape.count_macs(entry, shape.read_shape(entry)), g * M * k * N)

    def test_every_option(self):
        said = re.findall(r'`(--[\w-]+)', ' '.join(row[0] for row in rows_below(NETS, 'option')))
        parser = extractor.make_parser(extractor.SCRIPT)
        known = re.findall(r'\[(--[\w-]+)', parser.format_usage())
        self.assertEqual(set(said), set(known) - {'--help', '--version'})

    def test_commands_have_options_that_are_there(self):
        known = extractor.make_parser(extractor.SCRIPT).format_help()
        for block in blocks_in('sh', NETS):
            for option in re.findall(r' (--[\w-]+)', block):
                self.assertIn(option, known)

    def test_every_net_file(self):
        said = re.findall(r'`(\w+\.json)`', ' '.join(r[0] for r in rows_below(NETS, 'file')))
        known = [name for name in os.listdir(path('nets')) if name.endswith('.json')]
        self.assertEqual(sorted(said), sorted(known))


class Figures(Says, unittest.TestCase):
    """data/README.md, "The published figures", "Frames" and "By MACs"."""

    document = DATA

    def test_every_table_of_data(self):
        said = re.findall(r'`([\w-]+\.csv)`', ' '.join(r[0] for r in rows_below(DATA, 'file')))
        known = [name for name in os.listdir(path('data')) if name.endswith('.csv')]
        self.assertEqual(sorted(said), sorted(known))

    def test_frames(self):
        for net, batch, name in (('AlexNet', 4, 'AlexNet'), ('VGG16', 3, 'VGG-16')):
            batched, framed = (
                fodlam.estimate({'net': net}, per_frame=x)['conv']['latency'] for x in (False, True)
            )
            self.assertAlmostEqual(batched / framed, batch)
            self.says(f'{batch} frames of {name}')
            self.says(f'{1 / framed:.1f} frame/s for {name} ({framed:.4f} s)')
        batched, framed = (fodlam.diagnose(x)['average']['latency']['conv'] for x in (False, True))
        self.says(f'then costs {batched / framed:.2f} times what it costs with `--per-frame`')

    def test_average_macs(self):
        average = fodlam.diagnose(per_frame=True)['average']
        (conv_pj, fc_pj), (conv_ps, fc_ps) = (
            [f'{average[quantity][kind] * 1e12:.3g}' for kind in ('conv', 'fc')]
            for quantity in ('energy', 'latency')
        )
        self.says(
            f'conv layer takes {conv_pj} pJ and {conv_ps} ps; that of an fc layer takes {fc_pj} pJ '
            f'and {fc_ps} ps'
        )

    def test_pruned_layers(self):
        names = ('AlexNet', 'VGG16')
        kept = [
            float(row['Weights (%)'])
            for row in csv.DictReader(read('data', 'eie-layers.csv').splitlines())
            if row['Layer'].split()[0] in names
        ]
        self.assertEqual(len(kept), 6)
        self.says(
            f'keep {min(kept):.0f}% to {max(kept):.0f}% of their weights',
            f'may take {notes.DENSE_FC_FACTOR} times longer than by MACs',
        )


class EyerissByShape(Says, unittest.TestCase):
    """data/README.md, "By shape": Tables V and VI, JSSC 2017."""

    document = DATA

    def test_example(self):
        entry = netfile_entry(NETFILES['VGG16'], 'CONV1-1')
        self.assertEqual(entry['macs'], 86704128)
        known = eyeriss.EYERISS_CALIBRATION
        no_time = math.inf
        compute, buffer, link = (
            eyeriss.eyeriss_cost(entry, calibration)[0].latency_s * 1e3
            for calibration in (
                known._replace(buffer_bytes_per_s=no_time),
                known._replace(pe_efficiency=no_time),
                known._replace(buffer_bytes_per_s=no_time, pe_efficiency=no_time),
            )
        )
        time = eyeriss.eyeriss_cost(entry)[0].latency_s * 1e3
        published = layers('VGG16', 'conv')[0]['latency'] * 1e3
        self.says(
            f'compute {compute - link:.1f} ms, buffer {buffer - link:.1f} ms and link '
            f'{link:.1f} ms. Buffer and link together take {time:.1f} ms, where the paper has '
            f'{published:.1f} ms'
        )

    def test_example_of_rows(self):
        plain, dilated = eyeriss.rows_touched(6, 3, 1, 1), eyeriss.rows_touched(6, 3, 2, 8)
        self.says(f'touch 6 + 2 x 1 = {plain} rows', f'touch 6 + 2 x 4 = {dilated} rows')

    def test_rates(self):
        no_time = eyeriss.Calibration(math.inf, math.inf, 1)
        one_byte_a_second = no_time._replace(buffer_bytes_per_s=1)
        buffer_bound, other, macs_per_s, peak = [], [], [], []
        for net, netfile in NETFILES.items():
            batch_frames = fodlam.PUBLISHED[net]['batch_frames']
            table = read('data', fodlam.PUBLISHED[net]['eyeriss_file'])
            for row in csv.DictReader(table.splitlines()):
                if row['Layer'] == 'Total':
                    continue
                entry = netfile_entry(netfile, row['Layer'])
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
            f'MACs per second differ by a factor of {max(macs_per_s) / min(macs_per_s):.1f}'
        )

    def test_errors(self):
        found = errors_like('.* CONV.* latency by shape')
        self.says(
            f'Over the {len(found)} published conv layers, the mean error in time is '
            f'{sum(map(abs, found)) / len(found):.1f}%, and modelled over published time is from '
            f'{1 + min(found) / 100:.3f} to {1 + max(found) / 100:.3f}'
        )
        other = errors(per_layer=True)["VGG16 conv latency by AlexNet's shape"]
        self.says(f'gives VGG-16 {other:.0f}% too much time')

    def test_mobilenet(self):
        config = {'netfile': 'mobilenet_050_128.json'}
        by_size, by_macs = (
            1 / fodlam.estimate(each, per_frame=True)['conv']['latency']
            for each in ({**config, 'scaling': 'shape'}, config)
        )
        self.says(
            f'The model says {by_size:.0f} frame/s, so its time is 117/{by_size:.0f} = '
            f'{117 / round(by_size):.2f} times too long. By MACs, it is {by_macs:.0f} frame/s.'
        )
        self.assertIn(f'runs at {by_size:.0f} frame/s', ' '.join(read('README.md').split()))


class EieByDensity(Says, unittest.TestCase):
    """data/README.md, "By density"."""

    document = DATA

    def test_example(self):
        macs = 4096 * 4096
        dense, pruned = (eie.even_time(macs, eie.Density(weights, 1)) * 1e6 for weights in (1, 0.1))
        self.says(
            f'there are {macs / 1e6:.1f} million entries, which take {dense:.0f} us',
            f'each weight takes {eie.count_entries(1, 0.1) / 0.1:.2f} entries, and the layer takes '
            f'{pruned:.0f} us',
        )

    def test_constants(self):
        self.assertEqual(f'{eie.imbalance(eie.read_eie_rows()):.2f}', '1.12')
        self.says('**1.12** is how much longer')

    def test_errors(self):
        alexnet, vgg16 = (
            f'{errors(per_layer=True)[f"{net} fc latency by density"]:+.0f}%'
            for net in ('AlexNet', 'VGG16')
        )
        single = errors_like(r'.* FC\d latency by density')
        self.says(
            f"AlexNet's fc layers come out {alexnet} and VGG-16's {vgg16}; single layers "
            f'{span(single)}'
        )


class TwoParts(Says, unittest.TestCase):
    """data/README.md, "Energy by two parts"; tests/test_validate.py has its table."""

    document = DATA

    def test_constants(self):
        parts = eyeriss.EYERISS_ENERGY_PARTS
        self.says(
            f'clock = {parts.clock_w * 1e3:.1f} mW x time',
            f'mac = {parts.mac_j * 1e12:.2f} pJ x MACs x a',
            f'takes the place of {eyeriss.EYERISS_CALIBRATION.power_w * 1e3:.0f} mW x time',
        )

    def test_dram(self):
        """Horowitz, ISSCC 2014: 64 bits of DRAM take 1.3 to 2.6 nJ."""
        shares = []
        for net in ('AlexNet', 'VGG16'):
            sums = eyeriss_tables.read_eyeriss_table(net)['Total']
            energy_pj = sums['power_w'] * sums['latency_s'] * 1e12
            least, most = (sums['dram_bytes'] * pj / energy_pj for pj in (160, 320))
            shares.append(f'{least * 100:.0f} to {most:.0%}')
        alexnet, vgg16 = shares
        self.says(f"DRAM would add {alexnet} to AlexNet's conv layers and {vgg16} to VGG-16's")


class Accelerators(Says, unittest.TestCase):
    """data/README.md, "Rooflines" and "Systolic arrays"."""

    document = DATA

    def test_every_key(self):
        said = re.findall(r'`(\w+)`', ' '.join(row[0] for row in rows_below(DATA, 'key')))
        self.assertEqual(set(said), set(roofline.ACCELERATOR_KEYS))

    def test_every_name(self):
        said = re.findall(r'`([\w-]+)`', ' '.join(row[0] for row in rows_below(DATA, 'names')))
        asked = json.dumps({'netfile': 'lenet.json', 'accelerator': 'no such name'}).encode()
        known = run(stdin=asked).err.partition('choose from ')[2].split(', or ')[0].split(', ')
        self.assertEqual(sorted(said), sorted(known))

    def test_example_of_a_plain_roofline(self):
        chip = {'macs': 1024, 'clock_mhz': 1000, 'dram_gb_per_s': 10}
        fc = {'name': 'fc', 'type': 'Linear', 'ifmap': [4096, 1, 1], 'ofmap': [1000, 1, 1]}
        (layer,) = estimate([fc], chip, per_layer=True)['layers']
        compute_us = layer['macs'] / (1024 * 1000)
        self.says(
            f'has {layer["macs"] / 1e6:.3f} million MACs and moves '
            f'{layer["dram_bytes"] / 1e6:.3f} million bytes',
            f'its MACs take {compute_us:.1f} us',
            f'it takes {layer["latency"] * 1e6:.0f} us, and is bound by `{layer["bound"]}`',
        )

    def test_nvdla(self):
        plain, refined = [], []
        for row in csv.DictReader(read('data', 'nvdla.csv').splitlines()):
            published = float(row['ResNet-50 (frame/s)'])
            chip = {
                'macs': float(row['MACs per Cycle']),
                'clock_mhz': float(row['Clock (MHz)']),
                'dram_gbps': float(row['DRAM Bandwidth (GB/s)']),
            }
            for found, accelerator in ((plain, chip), (refined, row['Configuration'])):
                config = {'netfile': 'resnet50.json', 'accelerator': accelerator}
                found.append(percent(rate(config), published))
        most = f'within {math.ceil(max(map(abs, refined)) * 10) / 10:.1f}%'
        self.says(
            f'reproduced {most}; a plain roofline is {min(plain):.0f}% to {max(plain):.0f}% too fast',
            f'The model is {most} of all seven frame rates',
        )

    def test_strided_layers(self):
        net = json.loads(read('nets', 'resnet50.json'))
        strided = {x['name'] for x in net if x.get('kernel') == [1, 1] and x['stride'] == [2, 2]}
        report = estimate('resnet50.json', NVDLA, per_layer=True)
        time = total([layer for layer in report['layers'] if layer['name'] in strided])
        self.assertEqual(round(4 * time / report['total']['latency']), 1)
        self.says(f"a quarter of ResNet-50's time on `{NVDLA}`")

    def test_mobilenet(self):
        seconds = estimate('mobilenet.json', NVDLA)['total']['latency']
        self.says(f'MobileNet takes {seconds * 1e3:.2f} ms on `{NVDLA}`')

    def test_memory_bound(self):
        shares = []
        for netfile in ('alexnet_deploy.json', 'lenet.json'):
            report = estimate(netfile, NVDLA, per_layer=True)
            bound = [layer for layer in report['layers'] if layer['bound'] == 'memory']
            shares.append(f'{total(bound) / report["total"]["latency"]:.0%}')
        alexnet, lenet = shares
        self.says(
            f'AlexNet is memory-bound for {alexnet} of its time on `{NVDLA}`, LeNet for {lenet}'
        )

    def test_energies_to_start_from(self):
        """Horowitz, ISSCC 2014, 45 nm: 8-bit 0.2 + 0.03 pJ, 32-bit float 3.7 + 0.9 pJ, DRAM, SRAM."""
        self.says(
            f'| a MAC of 8-bit integers | {0.2 + 0.03:.2f} pJ |',
            f'| a MAC of 32-bit floats | {3.7 + 0.9:.1f} pJ |',
            f'| a byte of DRAM | {round(1300 / 8, -1):.0f} to {round(2600 / 8, -1):.0f} pJ '
            '(1.3 to 2.6 nJ for 64 bits) |',
        )
        for size, pj in (('8 KiB', 10), ('32 KiB', 20), ('1 MiB', 100)):
            self.says(f'| a byte of {size} of SRAM | {pj / 8:g} pJ ({pj} pJ for 64 bits) |')

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
            sums = estimate(netfile, chip)['total']
            bytes_ = sums['weight_traffic_bytes'] + sums['feature_traffic_bytes']
            moved.append(f'{bytes_ / 1e6:.1f}')
        nothing, most, *torchvision = moved
        self.says(f'ResNet-50 moves {nothing} MB a frame, and {most} MB with 2 MiB')
        nothing, some, most = torchvision
        self.says(f'it moves {nothing} MB, {some} MB with 1 MiB and {most} MB with 2 MiB')

    def test_example_of_an_array(self):
        array = {'rows': 32, 'cols': 32, 'dataflow': 'os', 'clock_mhz': 1, 'dram_gb_per_s': 1}
        fc = {'name': 'fc', 'type': 'Linear', 'ifmap': [4096, 1, 1], 'ofmap': [1000, 1, 1]}
        (layer,) = estimate([fc], array, per_layer=True)['layers']
        self.says(f'32 x (32 + 32 + 4096 - 2) - 1 = {layer["array_cycles"]:,} cycles')


class MeasuredDevices(Says, unittest.TestCase):
    """data/README.md, "Devices", and what "Accuracy" says of them."""

    document = DATA

    def test_search(self):
        self.assertEqual((calibration.STEPS, calibration.ZOOMS, devices.MANY_NETWORKS), (10, 10, 6))
        self.says(
            'Of eleven times spread evenly over the interval, those beside the best are the next '
            'interval, ten times.',
            'with six networks or more',
        )

    def test_power(self):
        away = {}  # {device: by how many percent its networks are away from its mean power}
        for device, networks in devices.read_devices().items():
            powers = [row['power_mw'] for row in networks.values() if 'power_mw' in row]
            if len(powers) > 1:
                mean = accelerators.find_accelerator(device).power_mw
                away[device] = max(abs(percent(power, mean)) for power in powers)
        edge_tpu = accelerators.find_accelerator('edge-tpu')
        self.says(f'GoogLeNet and MobileNet, {edge_tpu.power_mw / 1e3:.3f} W.')
        del away['edge-tpu']
        most = away.pop('zcu104-dpu')
        self.says(
            f'the power of a network is {min(away.values()):.0f}% to {max(away.values()):.0f}% '
            f'from the mean, and {most:.0f}% on `zcu104-dpu`'
        )

    def test_what_is_not_modelled(self):
        odd, others = [], []
        for runs in boards().values():
            fit = calibration.fit_device(list(runs.values()))
            for network, each in runs.items():
                (odd if network == 'EfficientNet-B0' else others).append(fit.factor(each))
        self.assertEqual(len(odd), 3)
        self.says(
            f'takes {min(odd):.1f} to {max(odd):.1f} times as long as modelled on the three boards',
            f'are within a factor of {max(calibration.errors_of(others)):.1f}',
        )
        runs = boards()['kv260-dpu']
        factors = calibration.leave_one_out(list(runs.values()), calibration.fit_device)
        factor, network = max(zip(factors, runs))
        self.assertEqual(network, 'EfficientNet-B0')
        self.says(f'By a model that does not know its rates, it is up to {factor:.1f} times.')

    def test_one_network_from_another(self):
        def shown(name, how):
            return f'{errors(per_layer=True)[f"77 networks on all devices, {name} by {how}"]:.0f}%'

        typical, worst = shown('typically', 'share'), shown('at worst', 'share')
        typical_macs, worst_macs = shown('typically', 'MACs'), shown('at worst', 'MACs')
        self.says(
            f'A share carries over, with a typical error of {typical}.',
            f'The worst is +{worst}, and',
            f'the typical error is {typical_macs}, the worst +{worst_macs}, and',
            f'{typical} means a factor of {1 + float(typical.rstrip("%")) / 100:.2f}',
        )
        attained = devices.bound_note().partition('real devices ')[2]
        self.says(f'They {attained.removesuffix("it")}them')

    def test_pairs_on_devices(self):
        runs = measured_runs()
        by_macs = {}
        for device, networks in runs.items():
            by_macs[device] = {name: comparisons.by_macs(each) for name, each in networks.items()}
        highest = []
        for measured in (runs, by_macs):
            found = calibration.errors_of(calibration.from_one_to_another(measured))
            highest.append(f'{calibration.percentile(found, 0.95):.1f}')
        self.says(
            f'over all {len(found):,} pairs',
            f'one pair in twenty is off by more than a factor of {highest[0]}.',
            f'one pair in twenty is off by more than a factor of {highest[1]}.',
        )
        typical = []
        for device, networks in boards().items():
            factors = calibration.from_one_to_another({device: networks})
            typical.append(calibration.geometric_mean(calibration.errors_of(factors)) - 1)
        self.says(f'has a typical error of {min(typical):.0%} to {max(typical):.0%} by share')


class Ranges(Says, unittest.TestCase):
    """data/README.md, "Ranges"."""

    document = DATA

    def test_by_shape(self):
        found = errors_like('.* CONV.* latency by shape')
        most, least = 1 + max(found) / 100, 1 + min(found) / 100
        ratio = eyeriss.MOBILENET_RATIO
        self.says(
            f'| by shape | time / {most:.3f}, and energy likewise | time / {least:.3f}, and',
            f'| time / {ratio:.2f} (= 117/79), and energy / {ratio:.2f} |',
        )
        # It is larger than the largest ratio of energies, too.
        model = by_shape.ShapeModel('dennard', by_shape.UNKNOWN)
        self.assertLess(model.conv_ratio_limits[1].energy_j, ratio)
        self.assertEqual(model.known_kernels, {(3, 3), (5, 5), (11, 11)})
        fc = errors_like(r'.* FC\d latency by density')
        self.says(
            f'| by density | cost / {1 + max(fc) / 100:.2f} | cost / {1 + min(fc) / 100:.2f} |'
        )

    def test_of_networks_by_shape(self):
        said = []
        for netfile in ('googlenet', 'resnet50'):
            config = {'netfile': f'{netfile}.json', 'scaling': 'shape'}
            costs = fodlam.estimate(config, range=True)['total']
            low, high = costs['latency_range']
            ends = f'({math.floor(low * 1e3)} to {math.ceil(high * 1e3)})'
            said += [f'{costs["latency"] * 1e3:.0f}', ends]
        self.says('GoogLeNet takes {} ms a frame {}, ResNet-50 {} ms {}'.format(*said))

    def test_by_macs(self):
        """The ends are the least and the most that a MAC costs in a published layer of the kind."""
        per_layer = fodlam.diagnose(per_frame=True)['per_layer']['latency']
        costs = [c for net in per_layer.values() for name, c in net.items() if 'CONV' in name]
        model = ranges.RangedAverageModel(per_frame=True, rule='dennard')
        low, high = model.range_per_mac['conv']
        self.assertEqual((low.latency_s, high.latency_s), (min(costs), max(costs)))

    def test_on_accelerators(self):
        chip = {'macs': 1, 'clock_mhz': 1, 'dram_gb_per_s': 1}
        limits = [
            devices.time_limits(accelerators.find_accelerator(each))
            for each in (
                chip,
                'edge-tpu',
                {**chip, 'efficiency': 1, 'layer_us': 1},
                {**chip, 'efficiency': 1},
                'ncs2',
            )
        ]
        (_, most), two, with_time, one, ncs2 = limits
        self.says(
            f'each modelled by two others | {two[0]:.2f} | {two[1]:.2f} |',
            f'with `layer_us` | {with_time[0]:.3f} | {with_time[1]:.2f} |',
            f'each modelled by one other | {one[0]:.3f} | {one[1]:.2f} |',
            f'| 1, the roofline | 1 / {1 / most:.3f} |',
        )
        self.assertEqual([f'{limit:.3g}' for limit in ncs2], [f'{limit:.3g}' for limit in one])


class ProcessNodes(Says, unittest.TestCase):
    """data/README.md, "Process nodes"."""

    document = DATA

    def test_from_65(self):
        for nm in (45, 16, 7):
            (power, time), (fit_power, fit_time) = (
                fodlam.node_scale(65, nm, rule) for rule in ('dennard', 'stillmaker')
            )
            self.says(
                f'| {nm} nm | {power * time:.3g} | {fit_power * fit_time:.3g} | {time:.3f} | '
                f'{fit_time:.3f} |'
            )

    def test_eie(self):
        power, time = fodlam.node_scale(45, 65, 'dennard')
        fit_power, fit_time = fodlam.node_scale(45, 65, 'stillmaker')
        self.says(
            f'time grows by {time:.2f}, its power by {power:.2f} and its energy by '
            f'{power * time:.2f}',
            f'energy grows by {fit_power * fit_time:.2f}',
        )

    def test_nodes_of_the_fit(self):
        table = csv.DictReader(read('data', 'process.csv').splitlines())
        *nodes, last = [row[process.PROCESS_KEY] for row in table]
        self.says(f'It has {", ".join(nodes)} and {last} nm')


class Reports(unittest.TestCase):
    """data/README.md, "Reports": the tables have all members and sources, and no others."""

    def reports(self):
        """Yield reports that together have all members."""
        entries = json.loads(read('nets', 'lenet.json'))
        sizes = {'ifmap': [2, 2, 1], 'ofmap': [2, 2, 1], 'kernel': [1, 1]}
        entries.append({'name': 'qk', 'type': 'MatMul', 'macs': 8, **sizes})
        chip = {'clock_mhz': 500, 'dram_gb_per_s': 5, 'mac_pj': 1, 'dram_pj_per_byte': 1}
        array = {**chip, 'rows': 8, 'cols': 8, 'dataflow': 'ws', 'sram_pj_per_byte': 2, 'batch': 2}
        density = {'conv_activations': 0.5, 'weights': 0.1, 'activations': 0.5}
        for config in (
            {'net': 'AlexNet', 'title': 'a'},
            {'net': 'AlexNet', 'process_nm': 45},
            {'netfile': entries},
            {'netfile': 'lenet.json', 'scaling': 'shape'},
            {'netfile': 'lenet.json', 'scaling': 'shape', 'density': density},
            {'netfile': entries, 'accelerator': {**chip, 'macs': 64, 'power_mw': 5}},
            {'netfile': entries, 'accelerator': array},
        ):
            yield fodlam.estimate(config, per_frame=True, per_layer=True, range=True)

    def named(self, *heading):
        """Return the list of what the first cells of a table name."""
        return re.findall(r'`([^`]+)`', ' '.join(row[0] for row in rows_below(DATA, *heading)))

    def test_members(self):
        found = set()
        for report in self.reports():
            found |= report.keys() | report['total'].keys()
        shown = set(self.named('member', 'unit', 'when'))
        self.assertEqual(shown, found - {'conv', 'fc', 'total', 'energy', 'latency'})

    def test_members_of_layers(self):
        found = set()
        for report in self.reports():
            for layer in report['layers']:
                found |= layer.keys()
        ranged = {'energy_range', 'latency_range'}  # which the other table says of layers, too
        always = {'name', 'kind', 'macs', 'energy', 'latency', 'source', 'frames'}
        shown = set(self.named('member', 'unit', 'layers'))
        self.assertEqual(shown, found - always - ranged)

    def test_sources(self):
        found = {layer['source'] for report in self.reports() for layer in report['layers']}
        self.assertEqual(set(self.named('source', 'what the cost comes from')), found)

    def test_parts_of_energy(self):
        found = set()
        for report in self.reports():
            found |= report.get('energy_by', {}).keys()
        (row,) = [
            row for row in rows_below(DATA, 'member', 'unit', 'when') if 'energy_by' in row[0]
        ]
        self.assertEqual(set(re.findall(r'`(\w+)`', row[-1])), found)


class Sweeps(Says, unittest.TestCase):
    """data/README.md, "Sweeps", but for the scripts, which tests/test_readme.py runs."""

    document = DATA

    def test_layers_that_run_seldom(self):
        whole, late = (
            fodlam.estimate(json.loads(read('config', name)), per_frame=True)['total']['energy']
            for name in ('vgg16.json', 'vgg16-after-pool3.json')
        )
        self.says(
            f'takes what the whole network takes, {whole * 1e3:.1f} mJ',
            f'0.2 x {whole * 1e3:.1f} + 0.8 x {late * 1e3:.1f} = '
            f'{(whole / 5 + late * 4 / 5) * 1e3:.1f} mJ',
        )

    def test_weights_of_a_batch(self):
        chip = {'macs': 64, 'clock_mhz': 1000, 'dram_gb_per_s': 1}
        sizes = estimate('resnet50.json', chip)['sizes']
        self.says(f'ResNet-50 has {sizes["all_weights_bytes"] / 1e6:.1f} MB of weights')


class Accuracy(Says, unittest.TestCase):
    """data/README.md, "Accuracy": what it says of Eyeriss and EIE."""

    document = DATA

    def test_layers(self):
        published = {
            tuple(q.split()[:2]) for q in errors(per_layer=True) if re.search('CONV|FC', q)
        }
        self.says(f'adds the {len(published)} published layers')
        for quantity, by in (('latency', 'shape'), ('energy', 'shape'), ('energy', 'zeros')):
            vgg16, alexnet = (
                span(errors_like(f'{net} CONV.* {quantity} by {by}'))
                for net in ('VGG16', 'AlexNet')
            )
            layers_of = "'s" if by == 'zeros' else "'s conv layers"
            self.says(f"VGG-16{layers_of} are off by {vgg16} and AlexNet's by {alexnet}")
        self.says(
            'By MACs, conv layers of the two networks are off by '
            f'{span(errors_like(".* CONV.* latency by MACs"))}.',
            'By MACs, fc layers of the two networks are off by '
            f'{span(errors_like(".* FC. latency by MACs"))}.',
        )

    def test_macs(self):
        per_layer = fodlam.diagnose(per_frame=True)['per_layer']['latency']
        for prefix, kind in (('CONV', 'conv'), ('FC', 'fc')):
            costs = [c for net in per_layer.values() for name, c in net.items() if prefix in name]
            self.says(
                f'One MAC takes up to {max(costs) / min(costs):.1f} times as long in one published '
                f'{kind} layer as in another'
            )


if __name__ == '__main__':
    unittest.main()
