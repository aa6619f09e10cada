# The controller: watches the cluster and writes nginx.conf. No nginx inside; Dockerfile.nginx is the other container.
#
#     docker build -t cloud-native-gateway:0.1.0 .
ARG NODE_VERSION=24.21.0

FROM node:${NODE_VERSION}-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json ./
COPY src src
COPY templates templates
COPY scripts scripts
RUN npm run build

FROM node:${NODE_VERSION}-bookworm-slim
# Neither npm nor yarn is needed to run the bundle, and what is not there needs no update.
RUN rm -rf /usr/local/lib/node_modules /opt/yarn-* /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack \
      /usr/local/bin/yarn /usr/local/bin/yarnpkg \
 # The live nginx.conf lies in the volume that both containers share: a mounted file could not be replaced.
 && mkdir -p /etc/nginx/template \
 && ln -s /run/gateway/nginx.conf /etc/nginx/nginx.conf
COPY --from=build /build/dist /usr/lib/cloud-native-gateway
COPY --chmod=755 scripts/agent-client.sh scripts/agent-nginx.sh scripts/agent-reload.sh /etc/nginx/scripts/
ENV NODE_ENV=production
USER 10001:10000
# health, metrics; the debug endpoint stays on loopback
EXPOSE 8080 9090
# Node is PID 1: `run` handles TERM itself, and waits for every process that it starts.
# Node's own 16 MB for objects that have just been made cost 80 MB of memory at the first sync of 10,000 Ingresses, and
# the garbage collector longer pauses (bench/README.md).
ENTRYPOINT ["node", "--max-semi-space-size=4", "/usr/lib/cloud-native-gateway/main.js"]
CMD ["run", "--config", "/etc/gateway/gateway.yaml"]
