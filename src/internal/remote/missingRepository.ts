/**
 * A repository that a registry does not know when something is to be written to it. Many registries create it then;
 * others want it created first.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import { NotFound } from "../../OperationError.js"
import type { UnexpectedStatus } from "../../RegistryError.js"
import type { Remote } from "./remote.js"

const ecr = /^[0-9]{12}\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.aws)$/

/** What may help. Harbor and GitLab create repositories by themselves, but not the project they belong to. */
const hint = ({ name, registry }: Pick<Remote, "name" | "registry">): string => {
  const region = ecr.exec(registry)?.[1]
  const command = region !== undefined
    ? `aws ecr create-repository --region ${region} --repository-name ${name}`
    // The first part of a name is the alias of the account.
    : registry === "public.ecr.aws" || registry === "ecr-public.aws.com"
    ? `aws ecr-public create-repository --region us-east-1 --repository-name ${name.replace(/^[^/]*\//, "")}`
    : undefined
  return command === undefined
    ? "it, or the project it belongs to (Harbor, GitLab), may have to be created first"
    : `it may have to be created first: ${command}`
}

/** `NotFound` with what the registry said and what to do. */
export const missing = (
  remote: Pick<Remote, "name" | "registry">,
  { errors }: Pick<UnexpectedStatus, "errors">
): NotFound =>
  new NotFound({
    resource: "repository",
    reference: `${remote.registry}/${remote.name}`,
    side: "none",
    errors,
    hint: hint(remote)
  })

/** Turns a 404, and any other status with the code for it, into `NotFound` of the repository. */
export const orMissing = (remote: Remote) =>
<A, E extends { readonly _tag: string }, R>(
  self: Effect.Effect<A, E | UnexpectedStatus, R>
): Effect.Effect<A, E | UnexpectedStatus | NotFound, R> =>
  Effect.catchIf(
    self,
    (error): error is UnexpectedStatus =>
      error._tag === "UnexpectedStatus" && "status" in error &&
      (error.status === 404 || error.errors.some(({ code }) => code === "NAME_UNKNOWN")),
    (error) => Effect.fail(missing(remote, error))
  )
