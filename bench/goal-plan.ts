const middle = Array.from({ length: 8 }, (_, i) => `b${i}`);

/** What is submitted: a DAG of ten no-op tasks, 1 → 8 → 1 (docs: performance). */
export const plan = {
  tasks: [
    { key: 'a', type: 'noop' },
    ...middle.map((key) => ({ key, type: 'noop', dependsOn: ['a'] })),
    { key: 'c', type: 'noop', dependsOn: middle },
  ],
};

export const tasksPerGoal = plan.tasks.length;

export const dependenciesOf = (key: string): readonly string[] => (key === 'a' ? [] : key === 'c' ? middle : ['a']);
