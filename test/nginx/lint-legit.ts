/** A configuration with everything that the built-in templates print, for a gateway in `/srv/state`. */
export const legitConfig = `# Written by cloud-native-gateway (template contract 1). Changes made here are overwritten.
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
worker_processes auto;
worker_shutdown_timeout 240s;
pcre_jit on;
pid /srv/state/run/nginx.pid;
error_log /srv/state/logs/error.log notice;

events {
    worker_connections 16384;
    multi_accept on;
}

http {
    include /etc/nginx/mime.types;
    default_type text/html;
    server_tokens off;
    log_format gateway '$remote_addr - $remote_user [$time_local] "$request" $status "$http_user_agent" $req_id';
    access_log /dev/stdout gateway;
    client_body_temp_path /srv/state/temp/client-body;
    proxy_temp_path /srv/state/temp/proxy;
    fastcgi_temp_path /srv/state/temp/fastcgi;
    uwsgi_temp_path /srv/state/temp/uwsgi;
    scgi_temp_path /srv/state/temp/scgi;
    large_client_header_buffers 4 8k;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:tls_sessions_10m:10m;
    ssl_session_tickets off;
    resolver 10.96.0.10 ipv6=off valid=30s;
    geo $literal_dollar {
        default "$";
    }
    map $http_upgrade $connection_upgrade {
        default upgrade;
        "" "";
    }
    map $http_user_agent $user {
        default 0;
        "~^root/(?<version>[0-9]+)" 1;
        alias 2;
        env 3;
    }
    proxy_set_header Host $http_host;
    proxy_set_header Connection $connection_upgrade;

    # Asked by the controller alone.
    server {
        listen unix:/srv/state/run/private.sock;
        access_log off;
        location = /generation {
            return 200 0123456789abcdef;
        }
        location = /status {
            stub_status;
        }
    }

    upstream "default-shop-8080" {
        zone "default-shop-8080" 64k;
        server 10.0.0.1:8080 max_fails=0;
        server "[fd00::1]:8080" max_fails=0;
        keepalive 320;
    }

    # Ingress/default/shop
    server {
        listen 8000;
        listen [::]:8443 ssl http2;
        server_name shop.example.com "~^(?<label>[^.]+)\\\\.example\\\\.com$";
        ssl_certificate /srv/state/certificates/00ff.pem;
        ssl_certificate_key /srv/state/certificates/00ff.pem;
        location = /exact {
            proxy_pass http://default-shop-8080;
        }
        location ~* "^/api/(?<rest>.*)" {
            auth_basic "Restricted {area}; #1";
            auth_basic_user_file /srv/state/certificates/11aa.htpasswd;
            rewrite "(?i)/api/(?<rest>.*)" /$rest break;
            set $external_host api.example.org;
            proxy_pass http://$external_host:443;
        }
        location / {
            default_type application/json;
            return 503 '{"error":"no endpoints"}';
        }
    }
}

stream {
    upstream tcp-9000 {
        server 10.0.0.2:9000;
    }
    server {
        listen 9000;
        proxy_pass tcp-9000;
    }
}
`;
