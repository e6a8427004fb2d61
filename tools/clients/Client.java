import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.CookieManager;
import java.net.HttpCookie;
import java.net.URI;
import java.net.URLDecoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/**
 * Sends the requests of standard input, one a line, and prints each status and body.
 *
 * The client of the JDK as it is by default: it offers to upgrade to HTTP/2, and its cookie manager
 * writes the values of cookies in double quotes.
 */
public class Client {
    private static final String BOUNDARY = "----------guanxi";
    private static final Map<String, String> TYPES =
        Map.of(
            "form", "application/x-www-form-urlencoded",
            "json", "application/json",
            "multipart", "multipart/form-data; boundary=" + BOUNDARY);

    public static void main(String[] args) throws Exception {
        var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        var out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        var plain = HttpClient.newHttpClient();
        for (String line; (line = lines.readLine()) != null; ) {
            // method, URL, kind of body, body, cookies, whether to quote them
            String[] part = line.split("\t", -1);
            URI uri = URI.create(part[1]);
            var request = HttpRequest.newBuilder(uri);
            var client = plain;
            if (part[5].equals("quoted")) {
                client = HttpClient.newBuilder().cookieHandler(jar(uri, part[4])).build();
            } else {
                request.header("Cookie", part[4]);
            }
            if (TYPES.containsKey(part[2])) {
                request.header("Content-Type", TYPES.get(part[2]));
            }
            String body = part[2].equals("multipart") ? multipart(part[3]) : part[3];
            request.method(
                part[0], body.isEmpty() ? BodyPublishers.noBody() : BodyPublishers.ofString(body));
            HttpResponse<String> response = client.send(request.build(), BodyHandlers.ofString());
            out.println(response.statusCode() + "\t" + response.body().replace("\n", " "));
        }
    }

    private static CookieManager jar(URI uri, String cookies) {
        var jar = new CookieManager();
        for (String pair : cookies.split("; ")) {
            var cookie = new HttpCookie(pair.substring(0, pair.indexOf('=')), pair.substring(pair.indexOf('=') + 1));
            cookie.setPath("/");
            cookie.setDomain(uri.getHost());
            jar.getCookieStore().add(uri, cookie);
        }
        return jar;
    }

    private static String multipart(String fields) {
        var body = new StringBuilder();
        for (String field : fields.split("&")) {
            String[] pair = field.split("=", 2);
            body.append("--").append(BOUNDARY).append("\r\n");
            body.append("Content-Disposition: form-data; name=\"").append(pair[0]).append("\"\r\n\r\n");
            body.append(URLDecoder.decode(pair[1], StandardCharsets.UTF_8)).append("\r\n");
        }
        return body.append("--").append(BOUNDARY).append("--\r\n").toString();
    }
}
