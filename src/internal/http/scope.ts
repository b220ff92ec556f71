/**
 * Token scopes: `type:name:action,action`, what a request needs and what a token was asked for.
 *
 * @internal
 */

/** @internal */
export interface TokenScope {
  readonly type: string
  readonly name: string
  readonly actions: ReadonlyArray<string>
}

/**
 * The parts of a scope, split at its first and last colon because the name may hold `host:port` (distribution, "Token
 * Scope Documentation"). The deprecated class, `repository(plugin)`, is dropped. Undefined for a shape that is not
 * known.
 *
 * @internal
 */
export const parse = (text: string): TokenScope | undefined => {
  const first = text.indexOf(":")
  const last = text.lastIndexOf(":")
  if (first <= 0 || last === first) return undefined
  const type = text.slice(0, first).replace(/\([^()]*\)$/, "")
  const name = text.slice(first + 1, last)
  if (type === "" || name === "") return undefined
  const actions = text.slice(last + 1).split(",").map((action) => action.trim()).filter((action) => action !== "")
  return { type, name, actions: mergeActions(actions) }
}

const mergeActions = (actions: ReadonlyArray<string>): ReadonlyArray<string> =>
  actions.includes("*") ? ["*"] : [...new Set(actions)].sort()

/** @internal */
export const format = (scope: TokenScope): string => `${scope.type}:${scope.name}:${scope.actions.join(",")}`

/**
 * One sorted list of scopes, each resource once with all its actions, `*` taking in the others, resources without an
 * action left out, and unknown shapes kept as they are. An entry may itself be a list parted by spaces, as the
 * `scope` of a challenge is.
 *
 * @internal
 */
export const union = (...lists: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const known = new Map<string, TokenScope>()
  const verbatim = new Set<string>()
  for (const text of lists.flat().flatMap((entry) => entry.split(/\s+/))) {
    if (text === "") continue
    const scope = parse(text)
    if (scope === undefined) {
      verbatim.add(text)
      continue
    }
    const key = `${scope.type}:${scope.name}`
    const actions = mergeActions([...(known.get(key)?.actions ?? []), ...scope.actions])
    known.set(key, { ...scope, actions })
  }
  const scopes = [...known.values()].filter((scope) => scope.actions.length > 0).map(format)
  return [...new Set([...scopes, ...verbatim])].sort()
}

/**
 * Whether all of `need` is within `have`. Both as `union` makes them.
 *
 * @internal
 */
export const covers = (have: ReadonlyArray<string>, need: ReadonlyArray<string>): boolean =>
  need.every((text) => {
    if (have.includes(text)) return true
    const wanted = parse(text)
    return wanted !== undefined && have.some((other) => {
      const scope = parse(other)
      return scope !== undefined && scope.type === wanted.type && scope.name === wanted.name &&
        (scope.actions.includes("*") || wanted.actions.every((action) => scope.actions.includes(action)))
    })
  })

/**
 * For what a scope is, without its actions; an unknown shape as it is.
 *
 * @internal
 */
export const resource = (text: string): string => {
  const scope = parse(text)
  return scope === undefined ? text : `${scope.type}:${scope.name}`
}

/**
 * The repository that the first repository scope of a request names: the one the request is about, any other being a
 * mount's source.
 *
 * @internal
 */
export const repository = (scopes: ReadonlyArray<string>): string | undefined => {
  for (const text of scopes) {
    const scope = parse(text)
    if (scope?.type === "repository") return scope.name
  }
  return undefined
}

/**
 * The scopes without those of repositories other than the named one.
 *
 * @internal
 */
export const ofRepository = (scopes: ReadonlyArray<string>, name: string): ReadonlyArray<string> =>
  scopes.filter((text) => {
    const scope = parse(text)
    return scope === undefined || scope.type !== "repository" || scope.name === name
  })

/**
 * What is to be done to a repository, as `Credentials` words it.
 *
 * @internal
 */
export const actions = (
  scopes: ReadonlyArray<string>,
  name: string | undefined
): ReadonlyArray<"pull" | "push" | "delete"> => {
  const wanted = new Set(
    scopes.flatMap((text) => {
      const scope = parse(text)
      return scope?.type === "repository" && scope.name === name ? scope.actions : []
    })
  )
  return (["pull", "push", "delete"] as const).filter((action) => wanted.has("*") || wanted.has(action))
}
