import { setFlagsFromString } from 'node:v8';

/**
 * The models need the memory: 15 MB less at the peak of a run, and no slower. Not `--optimize-for-size`: no less memory
 * beside these two, and with it one exit by an error in 25 to 150 hung (nodejs/node#54918; reports/LOG.md, 2026-11-28).
 */
export function keepHeapSmall() {
  setFlagsFromString('--semi-space-growth-factor=1');
  // 5 MB of compiler for four functions. What runs for long still gets it; older versions have nothing between it and
  // code that is not optimised.
  if (Number(process.versions.node.split('.')[0]) >= 24) {
    setFlagsFromString('--invocation-count-for-turbofan=100000');
    // The compiler before it, for what a step runs and not for what loads: 0.6 MB.
    setFlagsFromString('--invocation-count-for-maglev=2000');
  }
}
