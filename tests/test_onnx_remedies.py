"""ONNX: what the user is told to do about a shape that is not known (nets/onnx_remedies.py)."""

import os
import shlex
import unittest

from extracted_onnx import IMAGE, KERNEL, LARGE_IMAGE, LARGE_KERNEL, OnnxCase, error_of
from onnx_encoder import field, graph, model, node, numbers, tensor, value
from support import extract


class Remedies(OnnxCase):
    def test_remedies(self):
        """--input where the size is not known, and then a line that infers all that follows."""
        nodes = [node('Odd', 'x', 'z'), node('Conv', 'z w', 'y', 'c')]
        for shape in (value('x'), value('x', ['N', 'C', 'H', 'W'])):
            inputs = [value('w'), shape]
            said = 'give the size of the first input with --input C,H,W'
            self.refused(nodes, inputs, [LARGE_KERNEL], said)
            content = model(nodes, inputs, [LARGE_KERNEL])
            result = extract("it's m.onnx", content, '--input', '3,9,8')
            line = result.err.strip().partition('run: ')[2]
            command, flag, code, name = shlex.split(line)
            self.assertEqual(
                (command, flag, os.path.basename(name)), ('python3', '-c', "it's m.onnx")
            )
            self.assertTrue(os.path.isabs(name))
            compile(code, 'remedy', 'exec')
            self.assertIn('m.graph.input[1]', code)
            self.assertIn('[1, 3, 9, 8]', code)

    # Of a size that --input and --dim give.
    NODES = [node('Conv', 'image w', 'y', 'c'), node('Mul', 'y scale', 'z')]
    INPUTS = [value('scale', ['N', 1, 1, 1]), value('image', ['N', 3, 'h', 'w'])]

    def test_remedies_name_the_input_and_its_symbols(self):
        self.refused(
            self.NODES,
            self.INPUTS,
            [KERNEL],
            "'image' is symbolic, [N, 3, h, w]; give the size of 'image' with --input "
            'image=C,H,W, or of a symbol with --dim h=SIZE',
        )

    def test_remedies_name_a_size_that_has_become_the_first_one(self):
        nodes = [node('Reshape', 'x rows', 'r'), node('MatMul', 'r v', 'y')]
        self.refused(
            nodes,
            [value('x', [1, 'sequence', 64])],
            [tensor('v', [64, 8]), numbers('rows', -1, 64)],
            "the shape of 'r' is symbolic, [?, 64]; give the size of the first input with --input",
            '--dim sequence=SIZE',
        )

    def test_no_command_where_it_cannot_help(self):
        odd = node('Odd', 'x', 'y', 'o') + field(7, 'mine')
        conv = node('Conv', 'y w', 'z')
        sign = node('ReduceMax', 'x', 'c', keepdims=0)
        then = graph([node('ReduceMax', 'x', 't', axes=[2])], outputs=[value('t')])
        otherwise = graph([node('Identity', 'x', 'e')], outputs=[value('e')])
        branch = node('If', 'c', 'q', 'if', then_branch=then, else_branch=otherwise)
        for nodes, part in (
            ([odd, conv], "give --same-shape mine.Odd if mine.Odd 'o', which is not of ONNX, has"),
            (
                [node('NonZero', 'x', 'q', 'nz'), node('Odd', 'q', 'y'), conv],
                "expected sizes that do not depend on numbers in the input, as of NonZero 'nz'",
            ),
            (
                [sign, branch, node('Odd', 'q', 'y'), conv],
                "in the input, as of If 'if'; export the",
            ),
        ):
            self.refused(nodes, [IMAGE], [KERNEL], part)

    def test_the_line_that_mends_a_file(self):
        """It writes another file; it is not offered for a file that has shapes, but not enough."""
        nodes = [node('Odd', 'x', 'z'), node('Conv', 'z w', 'y', 'c')]
        code = shlex.split(
            error_of(nodes, [value('x', [1, 3, 32, 24])], [LARGE_KERNEL]).partition('run: ')[2]
        )[2]
        for part in ('load_external_data=False', '".shapes.onnx"', '[1, 3, 32, 24]'):
            self.assertIn(part, code)
        values = [value('z', [1, 3, 'unk__4', 'unk__5'])]
        error = error_of(nodes, [LARGE_IMAGE], [LARGE_KERNEL], values)
        self.assertIn("'z' is symbolic, [1, 3, unk__4, unk__5]; export the model", error)
        for part in ('dynamo=True', 'fixed sizes', 'onnxsim'):
            self.assertIn(part, error)


if __name__ == '__main__':
    unittest.main()
