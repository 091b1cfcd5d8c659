/* getaddrinfo of the C library that this is linked with: "MICROSECONDS ADDRESS...", without addresses if there are none. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int main(int count, char **arguments) {
    struct addrinfo hints, *found = NULL, *each;
    struct timespec before, after;
    char text[INET6_ADDRSTRLEN];
    int error;

    if (count != 2) {
        fprintf(stderr, "usage: resolve NAME\n");
        return 2;
    }
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    clock_gettime(CLOCK_MONOTONIC, &before);
    error = getaddrinfo(arguments[1], NULL, &hints, &found);
    clock_gettime(CLOCK_MONOTONIC, &after);
    if (error && error != EAI_NONAME
#ifdef EAI_NODATA
        && error != EAI_NODATA
#endif
    ) {
        fprintf(stderr, "%s\n", gai_strerror(error));
        return 1;
    }
    printf("%ld", (after.tv_sec - before.tv_sec) * 1000000L + (after.tv_nsec - before.tv_nsec) / 1000);
    for (each = error ? NULL : found; each; each = each->ai_next) {
        const void *address = each->ai_family == AF_INET6
            ? (const void *)&((struct sockaddr_in6 *)each->ai_addr)->sin6_addr
            : (const void *)&((struct sockaddr_in *)each->ai_addr)->sin_addr;
        printf(" %s", inet_ntop(each->ai_family, address, text, sizeof text));
    }
    printf("\n");
    return 0;
}
