/** A file of its own, so that the bundler can leave it out of a page's first load. */
export { httpSubscriptionLink } from "@trpc/client";
