// Uses Java's HttpClient: `java Client.java <lookup> <sign> <socket> <other>`.

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.regex.Pattern;

class Client {
    private static final HttpClient HTTP = HttpClient.newHttpClient();

    public static void main(String[] args) throws Exception {
        var found = Pattern.compile("\"roomId\":\"(\\d+)\"").matcher(HTTP.send(get(args[0]), BodyHandlers.ofString()).body());
        found.find();
        var room = found.group(1);
        System.out.println("room " + room);
        System.out.println("sign " + HTTP.send(get(args[1] + room), BodyHandlers.ofByteArray()).statusCode());
        var frames = new Frames();
        HTTP.newWebSocketBuilder().buildAsync(URI.create(args[2] + room), frames).join();
        System.out.println("frames " + frames.count.join());
        try {
            HTTP.send(get(args[3]), BodyHandlers.discarding());
        } catch (IOException error) {
            System.out.println(error.getMessage().contains("502") ? "other host 502" : error);
        }
        System.exit(0);
    }

    private static HttpRequest get(String address) {
        return HttpRequest.newBuilder(URI.create(address)).build();
    }

    private static class Frames implements WebSocket.Listener {
        final CompletableFuture<Integer> count = new CompletableFuture<>();
        private int received = 0;

        @Override
        public CompletionStage<?> onBinary(WebSocket socket, ByteBuffer data, boolean last) {
            if (last) received++;
            socket.request(1);
            return null;
        }

        @Override
        public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
            count.complete(received);
            return null;
        }

        @Override
        public void onError(WebSocket socket, Throwable error) {
            count.completeExceptionally(error);
        }
    }
}
