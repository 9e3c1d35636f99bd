/** What the machine says at one moment. null, or an empty list, where it has no such sensor. */
export interface Reading {
  /** Every temperature by the sensor's name, degrees Celsius. */
  temperatures: Record<string, number>;
  /** Of the processor that computes, degrees Celsius: the hottest of its sensors. */
  temperatureC: number | null;
  /** The fastest fan, revolutions a minute. */
  fanRpm: number | null;
  /** Mean over the processor's cores. */
  clockMhz: number | null;
  /** Hottest graphics card, and the mean clock of its cores. */
  gpuTemperatureC: number | null;
  gpuClockMhz: number | null;
}

/** Something that can be read again and again, cheaply. */
export interface Sensors {
  read(): Promise<Reading>;
  close(): void;
}

export const noReading: Reading = {
  temperatures: {},
  temperatureC: null,
  fanRpm: null,
  clockMhz: null,
  gpuTemperatureC: null,
  gpuClockMhz: null,
};

/** Several sources as one: the first that knows a value gives it, temperatures come from all. */
export function together(sources: readonly Sensors[]): Sensors {
  return {
    read: async () => {
      const readings = await Promise.all(sources.map((source) => source.read()));
      const first = (of: (reading: Reading) => number | null): number | null =>
        readings.map(of).find((value) => value !== null) ?? null;
      return {
        temperatures: Object.assign({}, ...readings.map(({ temperatures }) => temperatures)) as Record<string, number>,
        temperatureC: first(({ temperatureC }) => temperatureC),
        fanRpm: first(({ fanRpm }) => fanRpm),
        clockMhz: first(({ clockMhz }) => clockMhz),
        gpuTemperatureC: first(({ gpuTemperatureC }) => gpuTemperatureC),
        gpuClockMhz: first(({ gpuClockMhz }) => gpuClockMhz),
      };
    },
    close: () => sources.forEach((source) => source.close()),
  };
}
