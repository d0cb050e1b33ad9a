import { BaseSequencer, type TestSequencerConstructor, type TestSpecification } from 'vitest/node';

/** Runs these files first, in this order, so that the rest runs while they wait. */
export const longestFirst = (...files: readonly string[]): TestSequencerConstructor =>
  class extends BaseSequencer {
    override async sort(specifications: TestSpecification[]): Promise<TestSpecification[]> {
      const place = ({ moduleId }: TestSpecification) => {
        const index = files.findIndex((file) => moduleId.endsWith(`/test/${file}.test.ts`));
        return index < 0 ? files.length : index;
      };
      const others = await super.sort(specifications);
      return others.toSorted((a, b) => place(a) - place(b));
    }
  };
