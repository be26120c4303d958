"""Writes a work's net as ONNX, for onnxruntime: python3 make_onnx.py <folder of the work>"""

import pathlib
import sys

import onnx
from onnx import TensorProto, helper, numpy_helper
from work import Work

folder = pathlib.Path(sys.argv[1])
work = Work(folder)
nodes, tensors, value = [], [], "x"
for number, (weight, bias) in enumerate(work.layers):
    if number > 0:
        nodes.append(helper.make_node(work.activation.capitalize(), [value], [f"activation{number}"]))
        value = f"activation{number}"
    names = [f"weight{number}", f"bias{number}"]
    tensors += [numpy_helper.from_array(array, name) for array, name in zip((weight, bias), names)]
    result = "y" if number == len(work.layers) - 1 else f"product{number}"
    nodes.append(helper.make_node("Gemm", [value, *names], [result], transB=1))
    value = result

declare = lambda name, columns: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", columns])
inputs, outputs = declare("x", work.widths[0]), declare("y", work.widths[-1])
graph = helper.make_graph(nodes, work.name, [inputs], [outputs], tensors)
model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 20)])
onnx.checker.check_model(model)
onnx.save(model, folder / "model.onnx")
