// Parses WIT packages and their interfaces. Skips worlds, because each plugin gets its own.
// The grammar: https://component-model.bytecodealliance.org/design/wit.html

/**
 * @typedef {{ name: string, args: (Type | undefined)[] }} Type  `list<u8>` is {name: "list", args: [{name: "u8", args: []}]}
 * @typedef {{ name: string, docs: string[], type: Type | undefined }} Member  a field, a case or a parameter
 * @typedef {{ name: string, docs: string[], kind: "func" | "method" | "static" | "constructor", params: Member[], result: Type | undefined }} Func
 * @typedef {{ name: string, docs: string[], kind: "record" | "variant" | "enum" | "flags" | "alias" | "resource", members: Member[], funcs: Func[], type: Type | undefined }} TypeDef
 * @typedef {{ from: string, names: { name: string, as: string }[] }} Use
 * @typedef {{ name: string, docs: string[], uses: Use[], types: TypeDef[], funcs: Func[] }} Interface
 * @typedef {{ name: string, version: string, interfaces: Interface[] }} Package
 * @typedef {{ text: string, docs: string[], line: number }} Token
 */

/**
 * Parses one file. A package may have several files, and only one of them must name it.
 * @param {string} text
 * @param {string} file for messages
 * @returns {{ package: { name: string, version: string } | undefined, interfaces: Interface[] }}
 */
export function parseWit(text, file) {
  return new Parser(tokens(text, file), file).file();
}

/** @param {string} text @param {string} file @returns {Token[]} */
function tokens(text, file) {
  const found = [];
  /** @type {string[]} */
  let docs = [];
  let line = 1;
  const pattern = /(\n)|[^\S\n]+|\/\/\/ ?(.*)|\/\/.*|\/\*[\s\S]*?\*\/|(->|%?[A-Za-z][\w-]*|\d[\w.+-]*|[{}()<>,;:=@/._])/y;
  while (pattern.lastIndex < text.length) {
    const match = pattern.exec(text);
    if (!match) throw new SyntaxError(`${file}:${line}: this is not WIT`);
    const [all, newline, doc, token] = match;
    if (newline) line += 1;
    else if (doc !== undefined) docs.push(doc.trimEnd());
    else if (token !== undefined) {
      found.push({ text: token, docs, line });
      docs = [];
    } else line += all.split("\n").length - 1;
  }
  return found;
}

class Parser {
  #at = 0;

  /** @param {Token[]} tokens @param {string} file */
  constructor(tokens, file) {
    this.tokens = tokens;
    this.name = file;
  }

  file() {
    /** @type {{ package: { name: string, version: string } | undefined, interfaces: Interface[] }} */
    const file = { package: undefined, interfaces: [] };
    while (this.#at < this.tokens.length) {
      const docs = this.#docs();
      if (this.#take("package")) {
        const [name = "", version = ""] = this.#until(";").split("@");
        file.package = { name, version };
      } else if (this.#take("interface")) {
        file.interfaces.push(this.#interface(docs));
      } else {
        this.#expect("world");
        this.#word();
        this.#skipBlock();
      }
    }
    return file;
  }

  /** @param {string[]} docs @returns {Interface} */
  #interface(docs) {
    /** @type {Interface} */
    const made = { name: this.#word(), docs, uses: [], types: [], funcs: [] };
    this.#expect("{");
    while (!this.#take("}")) {
      const docs = this.#docs();
      if (this.#take("use")) made.uses.push(this.#use());
      else if (this.#nextIs(":", 1)) made.funcs.push(this.#func(docs));
      else made.types.push(this.#typeDef(docs));
    }
    return made;
  }

  /** @returns {Use} */
  #use() {
    const from = this.#until("{").replace(/\.$/, "");
    const names = this.#list("}", () => {
      const name = this.#word();
      return { name, as: this.#take("as") ? this.#word() : name };
    });
    this.#expect(";");
    return { from, names };
  }

  /** @param {string[]} docs @returns {TypeDef} */
  #typeDef(docs) {
    const keyword = this.#word();
    const name = this.#word();
    /** @type {TypeDef} */
    const made = { name, docs, kind: "alias", members: [], funcs: [], type: undefined };
    switch (keyword) {
      case "type":
        this.#expect("=");
        made.type = this.#type();
        this.#expect(";");
        return made;
      case "record":
      case "variant":
      case "enum":
      case "flags":
        made.kind = keyword;
        this.#expect("{");
        made.members = this.#list("}", () => this.#member());
        return made;
      case "resource":
        made.kind = keyword;
        if (this.#take(";")) return made;
        this.#expect("{");
        while (!this.#take("}")) made.funcs.push(this.#method());
        return made;
      default:
        return this.#fail(`${keyword} is not known`);
    }
  }

  /** Parses a record's field, `name: type`, or a case, `name(type)`. @returns {Member} */
  #member() {
    const docs = this.#docs();
    const name = this.#word();
    if (this.#take(":")) return { name, docs, type: this.#type() };
    if (!this.#take("(")) return { name, docs, type: undefined };
    const type = this.#type();
    this.#expect(")");
    return { name, docs, type };
  }

  /** @returns {Func} */
  #method() {
    const docs = this.#docs();
    if (this.#nextIs("constructor") && this.#nextIs("(", 1)) {
      const name = this.#word();
      const made = this.#signature(name, docs);
      return { ...made, kind: "constructor" };
    }
    return { ...this.#func(docs), kind: this.#wasStatic ? "static" : "method" };
  }

  #wasStatic = false;

  /** @param {string[]} docs @returns {Func} */
  #func(docs) {
    const name = this.#word();
    this.#expect(":");
    this.#wasStatic = this.#take("static");
    this.#expect("func");
    return this.#signature(name, docs);
  }

  /** @param {string} name @param {string[]} docs @returns {Func} */
  #signature(name, docs) {
    this.#expect("(");
    const params = this.#list(")", () => this.#member());
    const result = this.#take("->") ? this.#type() : undefined;
    this.#expect(";");
    return { name, docs, kind: "func", params, result };
  }

  /** @returns {Type} */
  #type() {
    const name = this.#word();
    if (!this.#take("<")) return { name, args: [] };
    return { name, args: this.#list(">", () => (this.#take("_") ? undefined : this.#type())) };
  }

  /** @template T @param {string} end @param {() => T} item @returns {T[]} */
  #list(end, item) {
    const items = [];
    while (!this.#take(end)) {
      items.push(item());
      if (this.#take(",")) continue;
      this.#expect(end);
      break;
    }
    return items;
  }

  /** The documentation before the next token. Skips gates such as `@since(version = 0.2.0)`. */
  #docs() {
    const docs = [...(this.tokens[this.#at]?.docs ?? [])];
    while (this.#take("@")) {
      this.#word();
      if (this.#take("(")) this.#until(")");
      docs.push(...(this.tokens[this.#at]?.docs ?? []));
    }
    return docs;
  }

  #skipBlock() {
    this.#expect("{");
    for (let depth = 1; depth > 0; this.#at += 1) {
      if (this.#nextIs("{")) depth += 1;
      if (this.#nextIs("}")) depth -= 1;
      if (this.#at >= this.tokens.length) this.#fail("a block does not end");
    }
  }

  /** Consumes the text up to a token, and the token. @param {string} end */
  #until(end) {
    let text = "";
    while (!this.#take(end)) {
      text += this.tokens[this.#at]?.text ?? this.#fail(`${end} is missing`);
      this.#at += 1;
    }
    return text;
  }

  /** @returns {string} */
  #word() {
    const text = this.tokens[this.#at]?.text ?? "";
    if (!/^%?[A-Za-z]/.test(text)) this.#fail("a name is missing");
    this.#at += 1;
    return text.replace("%", "");
  }

  /** @param {string} text @param {number} [ahead] */
  #nextIs(text, ahead = 0) {
    return this.tokens[this.#at + ahead]?.text === text;
  }

  /** @param {string} text */
  #take(text) {
    if (!this.#nextIs(text)) return false;
    this.#at += 1;
    return true;
  }

  /** @param {string} text */
  #expect(text) {
    if (!this.#take(text)) this.#fail(`${text} is missing`);
  }

  /** @param {string} what @returns {never} */
  #fail(what) {
    const token = this.tokens[this.#at];
    throw new SyntaxError(`${this.name}:${token?.line ?? "end"}: ${what}, before ${token?.text ?? "the end"}`);
  }
}
