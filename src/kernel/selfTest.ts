/** A product that detects a kernel that loads but computes wrong numbers, before it is used. */
import { KernelError } from "../errors.ts";
import type { Program } from "../nn/program.ts";
import type { Kernel } from "./kernel.ts";

/** Computes one product with a known result; throws a {@link KernelError} if the kernel has another. */
export function selfTest(kernel: Kernel): void {
  const program: Program = {
    inputs: 2,
    layers: [
      { type: "dense", units: 1, useBias: true, trainable: true, learningRateFactor: 1, l1: 0, l2: 0 },
    ],
    loss: { type: "meanSquaredError" },
    clipGradients: null,
    precision: "float32",
    measures: [],
    optimizer: { type: "sgd", momentum: 0, nesterov: false, weightDecay: 0, decayBiases: true },
  };
  const network = kernel.network(program);
  network.write("parameters", Float32Array.of(3, 4, 0.5));
  const output = new Float32Array(1);
  network.predict(Float32Array.of(1, 2), output);
  if (output[0] !== 11.5) throw new KernelError(`the self-test gave ${output[0]}, expected 11.5`);
  network.dispose();
}
