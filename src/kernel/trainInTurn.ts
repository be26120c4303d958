/** Several trainings on one thread. */
import type { KernelTraining, KernelTrainings, Progress } from "./kernel.ts";

/** Trains one network after the other, for a kernel that has only one thread. */
export function trainInTurn(trainings: readonly KernelTraining[]): KernelTrainings {
  let finished = 0;
  let stopped = false;
  const all = async () => {
    const progress: Progress[] = [];
    for (const { network, data, run } of trainings) {
      const done = await network.start(data, stopped ? { ...run, steps: 0 } : run);
      progress.push(stopped ? { ...done, stopped } : done);
      finished++;
    }
    return progress;
  };
  const stop = () => {
    stopped = true;
    for (const { network } of trainings) network.stop();
  };
  return { progress: all(), finished: () => finished, stop };
}
