"""The constants of the model by shape are what Table VI says."""

import itertools
import math
import statistics
import unittest

from results import table_of
from support import NETFILES, fodlam, read

from fodlam.data import comparisons, eyeriss
from fodlam.data.shape import parse_shape


class Calibrated(unittest.TestCase):
    """The constants that are calibrated on Table VI must be what Table VI says."""

    CONSTANTS = eyeriss.EYERISS_CALIBRATION

    def test_pe_efficiency(self):
        """CONV5 is bound by computing: its MACs over what 168 PEs at 200 MHz could do."""
        bound = [row for row in table_of('VGG16') if row['Layer'].startswith('CONV5')]
        macs = sum(float(row['Num. of MACs (G)']) for row in bound) * 1e9
        time = sum(float(row['Processing Latency (ms)']) for row in bound) * 1e-3
        measured = macs / (168 * 200e6 * time)
        self.assertAlmostEqual(self.CONSTANTS.pe_efficiency / measured, 1, delta=0.03)

    def test_buffer_rate(self):
        """CONV1 to CONV4 are bound by the buffer: 3.11 to 3.21 GB/s, nearly 16 bytes a cycle.

        Of that, partial sums are 2.93 to 3.04, and 3.02 together.
        """
        layers = fodlam.published_layers('VGG16', per_frame=False)
        rates, sums, times = [], [], []
        for layer, row in zip(layers, table_of('VGG16')):
            if not row['Layer'].startswith('CONV5'):
                times.append(float(row['Processing Latency (ms)']) * 1e-3)
                all_bytes = float(row['Global Buffer Accesses (MB)']) * 2**20
                rates.append(all_bytes / times[-1] / 1e9)
                sums.append(
                    3 * eyeriss.partial_sum_bytes(layer.entry, parse_shape(layer.entry)) / 1e9
                )
        self.assertEqual((round(min(rates), 2), round(max(rates), 2)), (3.11, 3.21))
        of_sums = [x / time for x, time in zip(sums, times)]
        self.assertEqual((round(min(of_sums), 2), round(max(of_sums), 2)), (2.93, 3.04))
        together = math.fsum(sums) / math.fsum(times)
        self.assertEqual(round(together, 2), 3.02)
        self.assertAlmostEqual(comparisons.calibrate('VGG16').buffer_bytes_per_s / 1e9, together)

    def test_megabytes_are_of_2_to_the_20(self):
        """CONV1-2's partial sums alone are 2466 x 10^6 bytes, more than 2402.8 x 10^6."""
        layer, row = fodlam.published_layers('VGG16', per_frame=True)[1], table_of('VGG16')[1]
        self.assertEqual(layer.name, 'CONV1-2')
        sums = 3 * eyeriss.partial_sum_bytes(layer.entry, parse_shape(layer.entry))
        self.assertEqual(round(sums / 1e6), 2466)
        published = float(row['Global Buffer Accesses (MB)'])
        self.assertGreater(sums, published * 1e6)
        self.assertLess(sums, published * 2**20)

    def test_macs_are_rounded(self):
        """CONV2 of AlexNet is 4 x 223.9488 M = 0.8958 G, printed 0.90."""
        for net in NETFILES:
            batch_frames = fodlam.PUBLISHED[net]['batch_frames']
            layers = fodlam.published_layers(net, per_frame=True)
            for layer, row in zip(layers, table_of(net)):
                macs = layer.macs * batch_frames / 1e9
                printed = float(row['Num. of MACs (G)'])
                # VGG-16's 5.549 is printed as 5.55, and its half of 2.774 as 2.77.
                self.assertAlmostEqual(macs, printed, delta=0.0051, msg=layer.name)

    def test_power(self):
        power = statistics.mean(float(row['Power (mW)']) for row in table_of('VGG16')) * 1e-3
        self.assertAlmostEqual(self.CONSTANTS.power_w / power, 1, delta=0.03)

    def test_bytes_of_the_buffer(self):
        """The rule for summed channels gives the bytes that CONV1 to CONV4 moved."""
        no_buffer, one_byte = eyeriss.Calibration(1e30, 1e30, 1), eyeriss.Calibration(1e30, 1, 1)
        layers = fodlam.published_layers('VGG16', per_frame=True)
        for layer, row in zip(layers, table_of('VGG16')):
            link_s, both_s = (
                eyeriss.eyeriss_cost(layer.entry, calibration)[0].latency_s
                for calibration in (no_buffer, one_byte)
            )
            published = float(row['Global Buffer Accesses (MB)']) * 2**20 / 3
            if not layer.name.startswith('CONV5'):
                # Ifmaps and filters are in the published bytes too.
                share = (both_s - link_s) / published
                self.assertTrue(0.9 < share < 1, (layer.name, share))

    def test_calibrating_on_table_vi_gives_the_constants(self):
        calibrated = comparisons.calibrate('VGG16')
        self.assertIsInstance(calibrated, eyeriss.Calibration)
        for constant, measured in zip(self.CONSTANTS, calibrated):
            self.assertAlmostEqual(constant / measured, 1, delta=0.01)

    def test_calibrating_on_table_v_finds_another_buffer(self):
        """No layer of AlexNet is bound by it: what they show is no more than the highest rate."""
        calibrated = comparisons.calibrate('AlexNet')
        self.assertLess(calibrated.buffer_bytes_per_s, 0.9 * self.CONSTANTS.buffer_bytes_per_s)

    def test_energy_parts(self):
        """The fit to Table VI is 203.9 mW and 8.46 pJ; ../shared/facts/eyeriss-energy.md."""
        fitted = comparisons.fit_energy_parts('VGG16')
        self.assertEqual(f'{fitted.clock_w * 1e3:.1f} {fitted.mac_j * 1e12:.2f}', '203.9 8.46')
        constants = eyeriss.EYERISS_ENERGY_PARTS
        self.assertEqual((constants.clock_w, constants.mac_j), (0.2039, 8.46e-12))

    def test_energy_parts_have_the_least_squares(self):
        """No other two constants fit a table better, however little they are apart from these."""

        def squares(net, clock_w, mac_j):
            total = 0
            for row in table_of(net):
                time = float(row['Total Latency (ms)']) * 1e-3
                energy = float(row['Power (mW)']) * 1e-3 * time
                zeros = float(row['Zeros in Ifmaps'].rstrip('%')) / 100
                macs = float(row['Num. of MACs (G)']) * 1e9 * (1 - zeros)
                total += ((clock_w * time + mac_j * macs) / energy - 1) ** 2
            return total

        for net in NETFILES:
            clock_w, mac_j = comparisons.fit_energy_parts(net)
            least = squares(net, clock_w, mac_j)
            for clock, mac in itertools.product((0.999, 1, 1.001), repeat=2):
                if (clock, mac) != (1, 1):
                    self.assertGreater(squares(net, clock_w * clock, mac_j * mac), least)

    def test_papers_constants(self):
        raw = read('raw', 'eyeriss-tableIV.txt')
        self.assertIn(f'Number of PEs\n\n{eyeriss.EYERISS_PES}\n', raw)
        self.assertIn('16-bit', raw)
        self.assertEqual(eyeriss.EYERISS_WORD_BYTES * 8, 16)
        self.assertEqual(eyeriss.EYERISS_LINK_BYTES_PER_S, 0.48e9)
        self.assertEqual(
            eyeriss.EYERISS_PES * eyeriss.EYERISS_CLOCK_HZ, 33.6e9
        )  # the peak, in MAC/s


if __name__ == '__main__':
    unittest.main()
