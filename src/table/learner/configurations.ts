/** Configurations of networks that a search draws by its seed. */
import { uniform } from "../../random.ts";
import { type Member, SCALE_RATE, stopped } from "./members.ts";

/** How a network is built and trained that a search tries. */
export interface TableConfiguration {
  /** The units of each hidden layer. */
  readonly units: readonly number[];
  readonly activation: "relu" | "silu" | "mish";
  readonly learningRate: number;
  readonly weightDecay: number;
  /** The rate of dropout after each hidden layer; 0 for none. */
  readonly dropout: number;
  /** Epochs without a better validation loss before the training ends. */
  readonly patience: number;
  /** The factor of piecewise-linear inputs. */
  readonly piecewiseLinear: number;
  /** The power of each column's sensitivity that its inputs are multiplied by; 0 for none. */
  readonly sensitivity: number;
  /** The factor of all inputs. */
  readonly gain: number;
  /** The factor of the learning rate of a learned scale for each input; 0 for no such scales. */
  readonly scaleRate: number;
}

/** The purpose of these draws, beside those of `random.ts`. */
const PURPOSE = 36;

/** The configuration of a trial: it depends on the seed and the number of the trial only. */
export function drawConfiguration(seed: number, trial: number): TableConfiguration {
  const draw = uniform(seed, { purpose: PURPOSE, index: trial });
  const oneOf = <Value>(values: readonly Value[]): Value => values[Math.floor(draw() * values.length)];
  const rounded = (value: number) => Number(value.toPrecision(3));
  const logUniform = (low: number, high: number) => rounded(low * (high / low) ** draw());
  return {
    units: Array.from({ length: oneOf([1, 2, 3]) }, () => oneOf([64, 128, 256])),
    activation: oneOf(["relu", "silu", "mish"] as const),
    learningRate: logUniform(3e-4, 5e-3),
    weightDecay: logUniform(0.01, 0.3),
    dropout: rounded(0.3 * draw()),
    patience: oneOf([6, 8, 10, 15]),
    piecewiseLinear: oneOf([1, 2]),
    sensitivity: oneOf([0, 0.5, 1]),
    gain: oneOf([1, 2]),
    scaleRate: oneOf([0, SCALE_RATE]),
  };
}

/** The kind of networks of a configuration. */
export function memberOf(name: string, configuration: TableConfiguration): Member {
  const { piecewiseLinear, sensitivity, gain, scaleRate, ...network } = configuration;
  return stopped(name, {
    ...network,
    inputs: { piecewiseLinear, gain, ...(sensitivity > 0 && { sensitivity }) },
    ...(scaleRate > 0 && { scaleRate }),
  });
}
