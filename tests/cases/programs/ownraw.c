/* A program with its own way of reading: raw mode, poll with a time-out, stars for a password. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static struct termios saved;
static void restore(void) { tcsetattr(0, TCSANOW, &saved); }

static int key(void) {
    for (;;) {
        struct pollfd p = {0, POLLIN, 0};
        if (poll(&p, 1, 250) > 0) {
            unsigned char c;
            return read(0, &c, 1) == 1 ? c : -1;
        }
    }
}

static void line(char *into, size_t size, int star) {
    size_t n = 0;
    for (int c; (c = key()) >= 0 && c != '\r' && c != '\n';) {
        if ((c == 127 || c == 8) && n) {
            n--;
            printf("\b \b");
        } else if (c >= 32 && n + 1 < size) {
            into[n++] = (char)c;
            putchar(star ? '*' : c);
        } else if (c == 3) {
            puts("^C\r");
            exit(130);
        }
        fflush(stdout);
    }
    into[n] = 0;
    printf("\r\n");
}

int main(void) {
    char name[64], word[64];
    tcgetattr(0, &saved);
    atexit(restore);
    struct termios raw = saved;
    cfmakeraw(&raw);
    tcsetattr(0, TCSANOW, &raw);
    printf("account> ");
    fflush(stdout);
    line(name, sizeof name, 0);
    printf("token> ");
    fflush(stdout);
    line(word, sizeof word, 1);
    printf("Welcome %s, token of %zu characters\r\n", name, strlen(word));
    for (;;) {
        printf("device> ");
        fflush(stdout);
        line(name, sizeof name, 0);
        if (!strcmp(name, "show")) {
            for (int i = 1; i <= 5; i++) printf("port %d up %d\r\n", i, i * 1213);
        } else if (!strcmp(name, "pause")) {
            fflush(stdout);
            sleep(2);
            printf("waited 2426\r\n");
        } else if (!strcmp(name, "leave")) {
            printf("bye 3639\r\n");
            return 21;
        } else {
            printf("%% unknown command (%zu)\r\n", strlen(name) * 1213);
        }
    }
}
