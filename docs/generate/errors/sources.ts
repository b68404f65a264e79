import { readdirSync, readFileSync } from 'node:fs';
import ts from 'typescript';
import { type ErrorKind, errorKinds } from '../../../kernel/errors.ts';

/** One place in the sources that makes an error. */
export interface CodeUse {
  readonly code: string;
  /** `task`: how an attempt ended, which has no kind. */
  readonly kind: ErrorKind | 'task';
  readonly file: string;
}

const root = new URL('../../../', import.meta.url);
const layers = ['actors', 'cli', 'gateway', 'kernel', 'projections', 'sandbox'];
const isTest = /\.(test|contract)\.ts$|(^|\/)testing\//;

const kinds: ReadonlySet<string> = new Set(errorKinds);

/**
 * Codes that are handed on by a name instead of being written where the error is made: by file and expression, the codes it
 * may be; none where the error was made elsewhere. What is in no literal and not here stops the generator.
 */
const handedOn: Readonly<Record<string, readonly string[]>> = {
  'actors/goal/course-verbs.ts checked.code': ['plan_invalid', 'plan_too_large'],
  'actors/goal/dependency-verbs.ts code': ['dependency_crowded', 'dependency_unknown'],
  'actors/goal/plan-check.ts code': ['plan_invalid', 'plan_too_large'],
  'cli/client.ts code': [],
  'cli/exit-code.ts code': [],
  'projections/goal-fold.ts code': [],
  'projections/task-fold.ts code': [],
  'sandbox/execution.ts code': ['result_invalid', 'result_too_large'],
  'sandbox/handlers/shell.ts code': ['messages_too_large', 'result_too_large'],
  'actors/task/report.ts code': ['agent_invalid', 'message_invalid'],
  'sandbox/mail.ts code': [
    'agent_invalid',
    'agents_too_large',
    'message_invalid',
    'messages_too_large',
    'too_many_agents',
    'too_many_messages',
  ],
  'sandbox/task-failure.ts thrown.code': [],
  'sandbox/workload.ts code': ['limit_unenforceable', 'type_unknown'],
};

/** Kinds that are handed on likewise. */
const handedOnKinds: Readonly<Record<string, readonly ErrorKind[]>> = {
  'cli/supervisor/child.ts kind': ['rejected', 'unavailable'],
};

/** Every error code that the sources make, with its kind, read from their syntax. */
export function codeUses(): readonly CodeUse[] {
  const uses: CodeUse[] = [];
  const used = new Set<string>();
  for (const file of sourceFiles()) {
    const text = readFileSync(new URL(file, root), 'utf8');
    const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
    new Finder(source, uses, used).visit(source);
  }
  const idle = Object.keys({ ...handedOn, ...handedOnKinds }).filter((name) => !used.has(name));
  if (idle.length > 0) throw new Error(`expected these to hand codes on, found nothing: ${idle.join(', ')}`);
  return uses;
}

const sourceFiles = (): readonly string[] =>
  layers
    .flatMap((layer) => readdirSync(new URL(layer, root), { recursive: true }).map((path) => `${layer}/${path}`))
    .filter((path) => path.endsWith('.ts') && !isTest.test(path))
    .sort();

/** The ways in which the sources make errors: constructors, the functions behind them, and errors as data. */
class Finder {
  readonly #source: ts.SourceFile;
  readonly #uses: CodeUse[];
  readonly #used: Set<string>;

  constructor(source: ts.SourceFile, uses: CodeUse[], used: Set<string>) {
    this.#source = source;
    this.#uses = uses;
    this.#used = used;
  }

  visit(node: ts.Node): void {
    if (ts.isNewExpression(node)) this.#made(node.expression.getText(), node.arguments ?? []);
    if (ts.isCallExpression(node)) this.#made(node.expression.getText(), node.arguments);
    if (ts.isObjectLiteralExpression(node)) this.#asData(node);
    if (ts.isArrayLiteralExpression(node)) this.#asTuple(node);
    ts.forEachChild(node, (child) => this.visit(child));
  }

  #made(name: string, [first, second]: readonly ts.Expression[]): void {
    if (!first) return;
    if (['AstraError', 'refuse', 'refuseKept'].includes(name) && second) this.#found(first, second);
    else if (name === 'TaskFailure') this.#taskError(first);
    else if (name === 'usageError') this.#add(['rejected'], this.#codesOf(first));
    else if (name === 'unavailableError') this.#add(['unavailable'], this.#codesOf(first));
  }

  /** `{ kind, code, … }`, or `{ code, message, … }` of a task. */
  #asData(node: ts.ObjectLiteralExpression): void {
    const values = new Map<string, ts.Expression>();
    for (const property of node.properties)
      if (ts.isPropertyAssignment(property)) values.set(property.name.getText(), property.initializer);
      else if (ts.isShorthandPropertyAssignment(property)) values.set(property.name.text, property.name);
    const code = values.get('code');
    const kind = values.get('kind');
    if (!code) return;
    if (kind) this.#found(kind, code);
    else if (values.has('message') && !isSchema(code)) this.#taskError(code);
  }

  /** A row of a table of errors: a kind, and its code behind it. */
  #asTuple({ elements }: ts.ArrayLiteralExpression): void {
    for (const [index, element] of elements.entries()) {
      const next = elements[index + 1];
      if (!ts.isStringLiteral(element) || !kinds.has(element.text) || !next || !ts.isStringLiteral(next)) continue;
      // Kinds stand beside each other in lists of kinds.
      if (elements.some((other) => other !== element && ts.isStringLiteral(other) && kinds.has(other.text))) continue;
      if (/^[a-z]+_[a-z_]+$/.test(next.text)) this.#add([element.text as ErrorKind], [next.text]);
    }
  }

  /** Where neither is written out, an error made elsewhere is handed on. */
  #found(kind: ts.Expression, code: ts.Expression): void {
    const written = literals(kind, this.#source);
    const all = written.length > 0 ? written : (handedOnKinds[this.#named(kind)] ?? []);
    if (all.length > 0) this.#add(all as readonly ErrorKind[], this.#codesOf(code));
  }

  #taskError(code: ts.Expression): void {
    this.#add(['task'], this.#codesOf(code));
  }

  #codesOf(code: ts.Expression): readonly string[] {
    const written = literals(code, this.#source);
    if (written.length > 0) return written;
    const known = handedOn[this.#named(code)];
    if (!known)
      throw new Error(`${this.#source.fileName}: expected an error code written out, found ${code.getText()}`);
    return known;
  }

  #named(expression: ts.Expression): string {
    const name = `${this.#source.fileName} ${expression.getText()}`;
    this.#used.add(name);
    return name;
  }

  #add(ofKinds: readonly CodeUse['kind'][], codes: readonly string[]): void {
    for (const kind of ofKinds) for (const code of codes) this.#uses.push({ code, kind, file: this.#source.fileName });
  }
}

const isSchema = (expression: ts.Expression): boolean => /^z\./.test(expression.getText());

/** The texts that an expression may be, as far as they are written in this file. */
function literals(expression: ts.Expression, source: ts.SourceFile): readonly string[] {
  if (ts.isStringLiteralLike(expression)) return [expression.text];
  if (ts.isConditionalExpression(expression))
    return [...literals(expression.whenTrue, source), ...literals(expression.whenFalse, source)];
  if (ts.isBinaryExpression(expression) && expression.operatorToken.kind === ts.SyntaxKind.QuestionQuestionToken)
    return [...literals(expression.left, source), ...literals(expression.right, source)];
  // `textOf(code, 'refused')`: what was said, or this.
  if (ts.isCallExpression(expression) && expression.expression.getText() === 'textOf')
    return expression.arguments.flatMap((argument) => literals(argument, source));
  if (ts.isElementAccessExpression(expression)) return tableValues(expression.expression.getText(), source);
  return [];
}

/** The values of a constant table of this file. */
function tableValues(name: string, source: ts.SourceFile): readonly string[] {
  for (const statement of source.statements)
    if (ts.isVariableStatement(statement))
      for (const { name: declared, initializer } of statement.declarationList.declarations)
        if (declared.getText() === name && initializer && ts.isObjectLiteralExpression(initializer))
          return initializer.properties.flatMap((property) =>
            ts.isPropertyAssignment(property) && ts.isStringLiteral(property.initializer)
              ? [property.initializer.text]
              : [],
          );
  return [];
}
