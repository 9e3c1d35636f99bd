import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  chiSquarePower,
  chiSquareQuantile,
  chiSquareSurvival,
  chiSquareTest,
  inCells,
  mergeCells,
  noncentralChiSquareSurvival,
} from './statistics.ts';

const test = suite('statistics');

function near(found: number, expected: number, relative: number): void {
  assert.ok(Math.abs(found - expected) <= relative * Math.abs(expected), `${found} instead of ${expected}`);
}

test('χ² tails: values of mpmath 1.3.0 at 30 digits', () => {
  const known: [x: number, df: number, tail: number][] = [
    [1, 1, 0.3173105078629141],
    [3.841458820694124, 1, 0.05000000000000006],
    [0.5, 2, 0.7788007830714049],
    [10, 5, 0.07523524614651218],
    [60, 12, 2.2573487463962842e-8],
    [61.2, 12, 1.362897012927095e-8],
    [200, 19, 3.404765139311642e-32],
    [4, 19, 0.9998936596343729],
    [0.001, 3, 0.9999915920809419],
    [1000, 900, 0.010994608942135848],
    [25, 7, 0.0007588002556582502],
  ];
  for (const [x, df, tail] of known) near(chiSquareSurvival(x, df), tail, 1e-11);
  assert.is(chiSquareSurvival(0, 3), 1);
  assert.is(chiSquareSurvival(Infinity, 3), 0);
  assert.throws(() => chiSquareSurvival(NaN, 3), /NaN/);
});

test('χ² quantiles: values of mpmath', () => {
  near(chiSquareQuantile(0.05, 1), 3.841458820694126, 1e-12);
  near(chiSquareQuantile(1e-9, 1), 37.32489305136233, 1e-12);
  near(chiSquareQuantile(1e-9, 10), 62.94545742055857, 1e-12);
  near(chiSquareQuantile(1e-9, 19), 81.5593576555944, 1e-12);
});

test('noncentral χ² tails: values of mpmath', () => {
  const known: [x: number, df: number, lambda: number, tail: number][] = [
    [10, 3, 0, 0.018566135463043233],
    [10, 3, 5, 0.29335135222254827],
    [60, 12, 100, 0.9980049759527242],
    [70, 15, 120, 0.9995476644091424],
    [50, 8, 20, 0.02383525263432403],
    [300, 10, 400, 0.9982565442668874],
    [20, 1, 1, 0.00025818962107771154],
  ];
  for (const [x, df, lambda, tail] of known) near(noncentralChiSquareSurvival(x, df, lambda), tail, 1e-10);
  // Where the bound begins to answer, the sum says the same.
  for (const lambda of [600, 650, 700, 750, 800, 1e6]) near(noncentralChiSquareSurvival(40, 3, lambda), 1, 1e-12);
});

test('cells: small categories are merged, and what is left joins a large one', () => {
  assert.equal(mergeCells([0.1, 0.5, 0.38, 0.01, 0.01], 100, 20), [1, 0, 1, 1, 1]);
  assert.equal(mergeCells([0.5, 0.3, 0.1, 0.1], 100, 20), [0, 1, 2, 2]);
  assert.equal(mergeCells([0.5, 0.5], 100, 20), [0, 1]);
  assert.equal(mergeCells([1], 5, 20), [0]);
  assert.equal(inCells([1, 2, 3, 4], [1, 0, 1, 2]), [2, 4, 4]);
});

test("Pearson's test and its power", () => {
  const dice = chiSquareTest(
    [5, 8, 9, 8, 10, 20],
    Array.from({ length: 6 }, () => 1 / 6),
  );
  near(dice.statistic, 13.4, 1e-12);
  assert.is(dice.df, 5);
  near(dice.pValue, chiSquareSurvival(13.4, 5), 1e-12);
  near(chiSquarePower([0.5, 0.5], [0.5, 0.5], 1000, 1e-3), 1e-3, 1e-9);
  // lambda = 1000 (0.1² / 0.5 + 0.1² / 0.5) = 40
  near(
    chiSquarePower([0.5, 0.5], [0.6, 0.4], 1000, 1e-3),
    noncentralChiSquareSurvival(chiSquareQuantile(1e-3, 1), 1, 40),
    1e-12,
  );
  assert.throws(() => chiSquareTest([3], [1]), /two cells/);
});

test.run();
