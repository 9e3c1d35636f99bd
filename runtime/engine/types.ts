/** The addon's types, for those who may not import native/. */
export type {
  CycleEntry,
  CycleResult,
  CycleTimes,
  DrawSpec,
  FamilyName,
  Filter,
  LoadProgress,
  LoadRequest,
  ModelSpec,
  Noise,
  QuantizedModule,
  RowEdits,
  SequenceState,
  TensorPlan,
} from '../../native/types.ts';
