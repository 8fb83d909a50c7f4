"""What each mistake is answered with: the rows of messages.txt.

A section begins with "# ". Below it each line is an input, and the line below that, indented, its
whole message, without "fodlam: ". Lists that grow, such as {net files}, are filled in.
"""

import json
import os
import shlex
import tempfile
import unittest
from unittest import mock

from support import fodlam, path, read, run

from fodlam.data import accelerators, configs, devices, roofline

TABLE = 'Layer,Power (mW),Total Latency (ms)\nCONV1,250,4\nCONV2,300,8\n'
SHAPED = json.loads(read('nets', 'alexnet_deploy.json'))[1]
NVDLA = '{"netfile": "./net.json", "accelerator": "nvdla-32"}'


def lists():
    """Return {placeholder: the list that it stands for in messages.txt}."""
    families = (
        (accelerators.NVDLA_FILE, accelerators.NVDLA_KEY),
        (
            devices.DEVICES_FILE,
            devices.DEVICES_KEY,
        ),
    )
    names = [name for file, key in families for name in fodlam.read_table(file, {}, key)]
    found = {
        'net files': sorted(name for name in os.listdir(path('nets')) if name.endswith('.json')),
        'config keys': configs.CONFIG_KEYS,
        'accelerator keys': roofline.ACCELERATOR_KEYS,
        'accelerators': dict.fromkeys(name.partition(' ')[0] for name in names),
        'published': fodlam.PUBLISHED,
    }
    filled = {f'{{{placeholder}}}': ', '.join(each) for placeholder, each in found.items()}
    return {**filled, '{a published network}': ' or '.join(fodlam.PUBLISHED)}


def sections():
    """Return {title: [(input, message)]} of messages.txt, with lists filled in."""
    result, rows, given = {}, [], None
    text = read('tests', 'messages.txt')
    for placeholder, listed in lists().items():
        text = text.replace(placeholder, listed)
    for line in text.splitlines():
        if line.startswith('# '):
            rows = result.setdefault(line[2:], [])
        elif line.startswith('    '):
            rows.append((given, line[4:]))
        else:
            given = line
    return result


class Messages(unittest.TestCase):
    SECTIONS = sections()

    def check(self, title, answer, status=1):
        """Hold what `answer`, a function of an input, returns against a section's messages."""
        rows = self.SECTIONS[title]
        self.assertTrue(rows)
        for given, message in rows:
            with self.subTest(given):
                result = answer(given)
                self.assertEqual(result, (status, '', f'fodlam: {message}\n'))

    def test_configs(self):
        self.check('configs', lambda given: run(stdin=given.encode()))

    def test_the_places_of_files(self):
        wrong = 'cannot be used (No such file or directory); expected a file or pipe that is there, open, not full'
        self.assertEqual(run('none.json'), (1, '', f"fodlam: config 'none.json': {wrong}\n"))

    def test_arguments(self):
        self.check('arguments', lambda given: run(*shlex.split(given)), status=2)

    def net(self, text, config='{"netfile": "./net.json"}'):
        with open('net.json', 'w', encoding='utf-8') as file:
            file.write(text)
        return run(stdin=config.encode())

    def test_net_files(self):
        self.in_folder()
        self.check('net files', self.net)

    def test_shapes(self):
        """The input is what differs from AlexNet's conv1; null leaves a key out."""
        self.in_folder()

        def answer(given):
            members = {**SHAPED, **json.loads(given)}
            members = {key: value for key, value in members.items() if value is not None}
            return self.net(json.dumps([members]), NVDLA)

        self.check('shapes of conv1', answer)

    def test_tables(self):
        """The input is what stands in a table, and what is put in its place."""
        self.in_folder()

        def answer(given):
            good, bad = given.split(' -> ')
            with open('t.csv', 'w', encoding='utf-8') as file:
                file.write(TABLE.replace(good, bad.strip("'")))
            try:
                fodlam.read_table('t.csv', fodlam.EYERISS_COLUMNS)
            except fodlam.InputError as error:
                return 1, '', f'fodlam: {error}\n'

        with mock.patch('fodlam.DATA_DIR', '.'):
            self.check('tables', answer)

    def in_folder(self):
        """Run the rest of a test in a folder of its own."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder.name)


if __name__ == '__main__':
    unittest.main()
