/**
 * The commands in the order in which help lists them, with examples.
 *
 * @internal
 */
import { copy } from "./commands/copy.js"
import { digest } from "./commands/digest.js"
import { exists } from "./commands/exists.js"
import { create } from "./commands/index.js"
import { platforms } from "./commands/platforms.js"
import { referrers } from "./commands/referrers.js"
import { serve } from "./commands/serve.js"
import { sync } from "./commands/sync.js"
import { tags } from "./commands/tags.js"
import type { Page } from "./help.js"

export const pages: ReadonlyArray<Page> = [
  {
    path: "copy",
    descriptor: copy.descriptor,
    examples: [
      "effect-oci copy docker.io/library/alpine:3.20 localhost:5000/alpine:3.20",
      "effect-oci copy alpine:3.20 localhost:5000/alpine:arm --platform linux/arm64",
      "effect-oci copy alpine:3.20 localhost:5000/alpine:linux --platforms \"linux/*\" --no-attestations",
      "effect-oci copy alpine:3.20 localhost:5000/alpine:3 localhost:5000/alpine:latest --dry-run",
      "effect-oci copy localhost:5000/alpine:3.20 localhost:5000/signed/alpine:3.20 --referrers recursive"
    ]
  },
  {
    path: "sync",
    descriptor: sync.descriptor,
    examples: [
      "effect-oci sync localhost:5000/alpine localhost:5000/mirror --semver \">=3.18 <4\" --include latest",
      "effect-oci sync localhost:5000/alpine localhost:5000/mirror --include \"3.*\" --if-exists skip"
    ]
  },
  {
    path: "digest",
    descriptor: digest.descriptor,
    examples: ["effect-oci digest docker.io/library/alpine:3.20"]
  },
  {
    path: "platforms",
    descriptor: platforms.descriptor,
    examples: ["effect-oci platforms docker.io/library/alpine:3.20"]
  },
  {
    path: "exists",
    descriptor: exists.descriptor,
    examples: ["effect-oci exists localhost:5000/alpine:3.20"]
  },
  {
    path: "index create",
    descriptor: create.descriptor,
    examples: [
      "effect-oci index create localhost:5000/alpine:own linux/amd64=alpine:3.20 linux/arm64=alpine:3.20"
    ]
  },
  {
    path: "tags",
    descriptor: tags.descriptor,
    examples: ["effect-oci tags localhost:5000/alpine"]
  },
  {
    path: "referrers",
    descriptor: referrers.descriptor,
    examples: [
      "effect-oci referrers localhost:5000/alpine:3.20",
      "effect-oci referrers localhost:5000/alpine:3.20 --artifact-type application/spdx+json"
    ]
  },
  {
    path: "serve",
    descriptor: serve.descriptor,
    examples: ["effect-oci serve --port 5000 --data ./images"]
  }
]
