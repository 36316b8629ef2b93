// A dashboard: subscribes to the leaderboard with a client library, as docs/api.md recommends, and prints what happens.
//
//   node client.mjs '{"library": "graphql-ws" | "apollo" | "urql", "address": …, "accessToken": …, "refreshToken": …,
//                     "expiresAt": …, "renews": …, "usesDefaults": …}'
//
// renews        hands a new token to the open socket a second after it has connected
// usesDefaults  leaves the library's own options for retries
// Prints a JSON object on a line of its own for each event: {event: "state" | "connected" | "closed" | "pong" | "failed"}.

import { ApolloClient, InMemoryCache, gql } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { Client, subscriptionExchange } from "@urql/core";
import { createClient } from "graphql-ws";
import WebSocket from "ws";

const options = JSON.parse(process.argv[2]);
const QUERY = "subscription { leaderboard { total } }";
const print = (event, details = {}) => console.log(JSON.stringify({ event, ...details }));

// The session: a new pair of tokens before the old one expires. A refresh token works once, so one call at a time.
let session = options;
let refreshing = null;
async function refreshSession() {
  const query = `mutation($token: String!) { refreshSession(refreshToken: $token) {
    accessToken refreshToken expiresAt userErrors { message } } }`;
  const response = await fetch(`http://${options.address}/graphql`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/graphql-response+json, application/json;q=0.9" },
    body: JSON.stringify({ query, variables: { token: session.refreshToken } }),
  });
  session = (await response.json()).data.refreshSession;
}
async function accessToken({ refresh = false } = {}) {
  if (refresh || new Date(session.expiresAt) - Date.now() < 500) {
    await (refreshing ??= refreshSession().finally(() => (refreshing = null)));
  }
  return session.accessToken;
}

let socket, renewal;
function renewLater() {
  clearTimeout(renewal);
  if (!options.renews) return;
  renewal = setTimeout(async () => {
    const Authorization = `Bearer ${await accessToken({ refresh: true })}`;
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: "ping", payload: { Authorization } }));
  }, 1000);
}

const client = createClient({
  url: `ws://${options.address}/graphql`,
  webSocketImpl: WebSocket,
  connectionParams: async () => ({ Authorization: `Bearer ${await accessToken()}` }),
  ...(options.usesDefaults ? {} : { shouldRetry: () => true, retryAttempts: Infinity, keepAlive: 10_000 }),
  on: {
    connected: (connected) => {
      socket = connected;
      print("connected");
      renewLater();
    },
    pong: (received, payload) => received && payload && print("pong", payload),
    closed: ({ code, reason }) => {
      clearTimeout(renewal);
      print("closed", { code, reason: String(reason) });
    },
  },
});

const onState = ({ data }) => data && print("state", { total: data.leaderboard.total });
const onFailure = (error) => print("failed", { message: String(error?.message ?? error?.reason ?? error) });
const sink = { next: onState, error: onFailure, complete: () => onFailure("the subscription is over") };

const start = {
  "graphql-ws": () => client.subscribe({ query: QUERY }, sink),
  apollo: () => {
    const apollo = new ApolloClient({ link: new GraphQLWsLink(client), cache: new InMemoryCache() });
    apollo.subscribe({ query: gql(QUERY), fetchPolicy: "no-cache" }).subscribe({
      ...sink,
      next: ({ data, error }) => (error ? onFailure(error) : onState({ data })),
    });
  },
  urql: () => {
    const forwardSubscription = (request) => ({
      subscribe: (receiver) => ({
        unsubscribe: client.subscribe({ ...request, query: request.query ?? "" }, receiver),
      }),
    });
    const urql = new Client({
      url: `http://${options.address}/graphql`,
      exchanges: [subscriptionExchange({ forwardSubscription })],
    });
    urql.subscription(QUERY, {}).subscribe(({ data, error }) => (error ? onFailure(error) : onState({ data })));
  },
};
start[options.library]();
