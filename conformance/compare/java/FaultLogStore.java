package org.deltalog.conformance;

import io.delta.storage.HDFSLogStore;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/**
 * Delta's own LogStore for local disk, with a question before and after each write
 * of a file of the log: a server of the test, at the URL deltalog.faults, says what
 * is to happen to it. It is given to Delta by its own setting
 * spark.delta.logStore.file.impl; no code of Delta or Spark is changed.
 *
 * The server answers a question of "before" with words: "deliver=N" (how often the
 * write is done), "fail" (it is not done and fails), and of "after" with
 * "answer=lost" or "answer=true".
 */
public class FaultLogStore extends HDFSLogStore {
  private static final HttpClient http = HttpClient.newHttpClient();

  public FaultLogStore(Configuration conf) {
    super(conf);
  }

  @Override
  public void write(Path path, Iterator<String> actions, Boolean overwrite, Configuration conf) throws IOException {
    List<String> lines = new ArrayList<>();
    actions.forEachRemaining(lines::add);
    String before = ask("before", path, conf);
    if (before.contains("fail")) {
      throw new IOException("injected by the test: the connection is gone");
    }
    int times = before.contains("deliver=2") ? 2 : before.contains("deliver=0") ? 0 : 1;
    IOException told = null;
    for (int i = 0; i < times; i++) {
      told = null;
      try {
        super.write(path, lines.iterator(), overwrite, conf);
      } catch (FileAlreadyExistsException e) {
        told = e;
      }
    }
    String after = ask("after", path, conf);
    if (after.contains("answer=lost")) {
      throw new IOException("injected by the test: connection reset");
    }
    if (told != null) {
      throw told;
    }
  }

  private static String ask(String when, Path path, Configuration conf) throws IOException {
    String url = conf.get("deltalog.faults") + "/" + when + "?client=" + conf.get("deltalog.client", "") + "&path="
        + URLEncoder.encode(path.toString(), StandardCharsets.UTF_8);
    try {
      return http.send(HttpRequest.newBuilder(URI.create(url)).build(), HttpResponse.BodyHandlers.ofString()).body();
    } catch (InterruptedException e) {
      throw new IOException(e);
    }
  }
}
