import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EngineModel } from '../../../runtime/engine/engine.ts';
import type { TensorPlan } from '../../../runtime/engine/types.ts';
import { fromFloats, isFloat, toFloats } from '../../../runtime/model/dtype.ts';
import type { ModelFolder } from '../../../runtime/model/folder.ts';
import { normGroup, type NormGroup } from '../../../runtime/model/norm-convention.ts';
import { SafetensorsWriter } from '../../../runtime/model/safetensors-writer.ts';
import { TensorReader } from '../../../runtime/model/tensor-reader.ts';

/**
 * The model with 1 added once more to the norms of some groups. (A missing 1 cannot be put in: the loader sees negative
 * numbers and adds it.) Dispose of it after use.
 */
export async function loadWithDoubledNorms(
  { folder, plan, weights }: Pick<ModelFolder, 'folder' | 'plan' | 'weights'>,
  groups: readonly NormGroup[],
): Promise<EngineModel> {
  const aside = await mkdtemp(join(tmpdir(), 'mtplx-norms-'));
  try {
    const file = join(aside, 'norms.safetensors');
    const isChanged = ({ name }: TensorPlan): boolean => groups.includes(normGroup(name)!);
    const changed = plan.tensors.filter(isChanged);
    if (changed.length === 0) throw new RangeError(`${folder} has no norms of ${groups.join(', ')}.`);
    const reader = await TensorReader.open(weights.files);
    const dtypes = changed.map((tensor) => reader.dtype(tensor));
    const writer = await SafetensorsWriter.create(
      file,
      changed.map(({ name, shape }, i) => ({ name, shape, dtype: dtypes[i]! })),
    );
    for (const [i, tensor] of changed.entries()) {
      const dtype = dtypes[i]!;
      if (!isFloat(dtype)) throw new TypeError(`${tensor.name} is ${dtype}.`);
      for await (const bytes of reader.rows(tensor))
        await writer.append(
          tensor.name,
          fromFloats(
            toFloats(bytes, dtype).map((weight) => weight + 1),
            dtype,
          ),
        );
    }
    await writer.finish();
    await reader.close();
    return await EngineModel.load({
      files: [...plan.files, file],
      tensors: plan.tensors.map((tensor) =>
        isChanged(tensor) ? { ...tensor, sources: [{ file: plan.files.length, key: tensor.name }] } : tensor,
      ),
      quantized: plan.quantized,
      spec: plan.spec,
      draftHead: null,
    });
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}
